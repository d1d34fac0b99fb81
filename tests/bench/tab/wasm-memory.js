/** Remembers the memories of all wasm modules that are made from now on: no heap's figures have them in. */

const memories = new Set();

/** The bytes of all memories. */
export function wasmBytes() {
  return [...memories].reduce((bytes, { buffer }) => bytes + buffer.byteLength, 0);
}

function note(instance) {
  for (const value of Object.values(instance.exports)) if (value instanceof WebAssembly.Memory) memories.add(value);
}

for (const name of ['instantiate', 'instantiateStreaming']) {
  const original = WebAssembly[name];
  WebAssembly[name] = async (...args) => {
    const result = await original.apply(WebAssembly, args);
    note(result.instance ?? result);
    return result;
  };
}

WebAssembly.Instance = class extends WebAssembly.Instance {
  constructor(...args) {
    super(...args);
    note(this);
  }
};
