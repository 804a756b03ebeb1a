/**
 * WebAssembly is compiled in a thread of its own, which takes real time: a run must wait for nothing that is not simulated.
 * Importing this file lets modules be compiled at once, in the thread that asks, and each only once. What is compiled
 * already, as `fetch` of Node hands it over, is made an instance of, as the standard has it.
 */
interface Compiler {
  Module: new (bytes: Uint8Array) => object
  Instance: new (module: object, imports?: object) => object
  instantiate: (source: object, imports?: object) => Promise<object>
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

compiler.instantiate = async (source, imports) => {
  if (source instanceof compiler.Module) return new compiler.Instance(source, imports)
  const module = moduleOf(source as Uint8Array)
  return { module, instance: new compiler.Instance(module, imports) }
}
