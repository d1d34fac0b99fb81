/** The engine as Deno's source-phase import hands it over. */
declare const handle: WebAssembly.Module;
export default handle;
