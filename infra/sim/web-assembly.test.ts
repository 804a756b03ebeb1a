import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import './web-assembly.ts'

interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => object
  instantiate(source: object): Promise<{ readonly module?: object; readonly instance?: object }>
}
const { WebAssembly } = globalThis as unknown as { readonly WebAssembly: WebAssemblyApi }
/** A module of nothing. */
const bytes = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)

it('gives module and instance of bytes, and an instance of a module', async () => {
  const { module, instance } = await WebAssembly.instantiate(bytes)
  expect([module instanceof WebAssembly.Module, instance instanceof WebAssembly.Instance]).toEqual([true, true])
  expect(await WebAssembly.instantiate(module as object)).toBeInstanceOf(WebAssembly.Instance)
})

it('lets what Node has compiled itself be used: fetch', async () => {
  const server = createServer((_, reply) => reply.end('here')).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('here')
  server.close()
})
