/** What importing a wasm file yields is the runtime's affair; each entry point says what it expects. */
declare module '*.wasm' {
  const handle: unknown;
  export default handle;
}

/** The bytes of the engine, put in by the bundler for the `sanderling/inline` entry. */
declare module '#wasm-bytes' {
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
}
