/**
 * WebAssembly is compiled in a thread of its own, which takes real time: a run must wait for nothing that is not simulated.
 * Importing this file lets modules be compiled at once, in the thread that asks, and each only once.
 */
interface Compiler {
  Module: new (bytes: Uint8Array) => object
  Instance: new (module: object, imports?: object) => object
  instantiate: (bytes: Uint8Array, imports?: object) => Promise<{ readonly module: object; readonly instance: object }>
}

// The types of this project know no browser, and WebAssembly only as part of one.
const compiler = (globalThis as unknown as { readonly WebAssembly: Compiler }).WebAssembly
const modules = new Map<string, object>()

function moduleOf(bytes: Uint8Array): object {
  const key = Buffer.from(bytes).toString('base64')
  const module = modules.get(key) ?? new compiler.Module(bytes)
  modules.set(key, module)
  return module
}

compiler.instantiate = async (bytes, imports) => {
  const module = moduleOf(bytes)
  return { module, instance: new compiler.Instance(module, imports) }
}
