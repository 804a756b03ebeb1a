import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { seededRandom } from '../core/adapters/memory/seeded-random.ts'
import { StartError } from '../core/errors.ts'
import { hashKey } from '../gateway/core/keys.ts'
import { createMemoryControlStore } from '../lakehouse/adapters/memory/memory-control-store.ts'
import { demoMerchant, ensureFirstKeys } from './first-start.ts'

let dataDir: string
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'hitlake-first-'))
})
afterEach(() => {
  chmodSync(dataDir, 0o700)
  rmSync(dataDir, { recursive: true, force: true })
})

const random = seededRandom(7)
const givenAdminKey = 'an-administrator-s-own-key'
const fileOf = () => join(dataDir, 'keys.json')
const readFile = () => JSON.parse(readFileSync(fileOf(), 'utf8'))
const rightsOf = async (store: ReturnType<typeof createMemoryControlStore>, key: string) =>
  (await store.findKey(hashKey(key)))?.key.rights

describe('the first start', () => {
  it('makes an admin key and the demo merchant with its keys, and all of them work', async () => {
    const store = createMemoryControlStore()
    const keys = await ensureFirstKeys({ store, random, dataDir })
    expect(readFile()).toEqual({
      adminKey: expect.stringMatching(/^hl_a_/),
      merchant: 'demo',
      writeKey: expect.stringMatching(/^hl_w_/),
      readKey: expect.stringMatching(/^hl_r_/),
    })
    expect(keys).toEqual({ file: fileOf(), ...readFile() })
    expect(await rightsOf(store, keys.adminKey ?? '')).toEqual(['admin'])
    expect(await rightsOf(store, keys.writeKey)).toEqual(['write'])
    expect(await rightsOf(store, keys.readKey)).toEqual(['read'])
    expect(await store.findKey(hashKey(keys.writeKey))).toMatchObject({
      key: { kind: 'server', merchant: 'demo' },
      merchant: { id: 'demo', name: 'Demo shop', timeZone: 'UTC', currency: 'EUR' },
    })
  })

  it('lets nobody but the owner of the process read the file, and leaves no draft of it', async () => {
    await ensureFirstKeys({ store: createMemoryControlStore(), random, dataDir })
    expect(statSync(fileOf()).mode & 0o777).toBe(0o600)
    expect(readdirSync(dataDir)).toEqual(['keys.json'])
  })

  it('with a key of the operator makes that one the admin key and writes it nowhere', async () => {
    const store = createMemoryControlStore()
    const keys = await ensureFirstKeys({ store, random, dataDir, adminKey: givenAdminKey })
    expect(keys).not.toHaveProperty('adminKey')
    expect(readFileSync(fileOf(), 'utf8')).not.toContain(givenAdminKey)
    expect(Object.keys(readFile())).toEqual(['merchant', 'writeKey', 'readKey'])
    expect(await rightsOf(store, givenAdminKey)).toEqual(['admin'])
    expect(await rightsOf(store, keys.writeKey)).toEqual(['write'])
  })

  it('that cannot write says so in one sentence with the mend', async () => {
    const asked = ensureFirstKeys({ store: createMemoryControlStore(), random, dataDir: join(dataDir, 'absent') })
    await expect(asked).rejects.toBeInstanceOf(StartError)
    await expect(asked).rejects.toThrow(/keys\.json cannot be written \(ENOENT\); make the folder writable/)
  })
})

describe('a later start', () => {
  it('finds the keys and changes nothing', async () => {
    const store = createMemoryControlStore()
    const first = await ensureFirstKeys({ store, random, dataDir })
    const merchant = await store.merchant(demoMerchant)
    const text = readFileSync(fileOf(), 'utf8')
    const addKey = vi.spyOn(store, 'addKey')
    expect(await ensureFirstKeys({ store, random, dataDir })).toEqual(first)
    expect(addKey).not.toHaveBeenCalled()
    expect(readFileSync(fileOf(), 'utf8')).toBe(text)
    expect(await store.merchant(demoMerchant)).toEqual(merchant)
  })

  it('gives a store that was not told, or only in part, what the file holds', async () => {
    const first = await ensureFirstKeys({ store: createMemoryControlStore(), random, dataDir })
    const empty = createMemoryControlStore()
    expect(await ensureFirstKeys({ store: empty, random, dataDir })).toEqual(first)
    expect(await rightsOf(empty, first.writeKey)).toEqual(['write'])
    expect(await rightsOf(empty, first.adminKey ?? '')).toEqual(['admin'])
  })

  it('is right after a start cut off at any call of the store', async () => {
    for (let survives = 0; survives < 6; survives += 1) {
      rmSync(fileOf(), { force: true })
      const store = createMemoryControlStore()
      let calls = 0
      const dying = new Proxy(store, {
        get: (target, name) => {
          const method = Reflect.get(target, name)
          if (typeof method !== 'function') return method
          return (...args: unknown[]) => {
            calls += 1
            if (calls > survives) throw new Error('cut off')
            return Reflect.apply(method, target, args)
          }
        },
      })
      await ensureFirstKeys({ store: dying, random, dataDir, adminKey: givenAdminKey }).catch(() => undefined)
      const keys = await ensureFirstKeys({ store, random, dataDir, adminKey: givenAdminKey })
      expect(keys).toMatchObject(readFile())
      expect(await rightsOf(store, keys.writeKey), `after ${survives} calls`).toEqual(['write'])
      expect(await rightsOf(store, keys.readKey)).toEqual(['read'])
      expect(await rightsOf(store, givenAdminKey)).toEqual(['admin'])
    }
  })

  it('makes new keys for the demo merchant there is when the file was removed', async () => {
    const store = createMemoryControlStore()
    const first = await ensureFirstKeys({ store, random, dataDir })
    rmSync(fileOf())
    const second = await ensureFirstKeys({ store, random, dataDir })
    expect(second.writeKey).not.toBe(first.writeKey)
    expect(await rightsOf(store, second.writeKey)).toEqual(['write'])
    expect(await rightsOf(store, second.adminKey ?? '')).toEqual(['admin'])
  })

  it('takes a key of the operator as well as the one in the file', async () => {
    const store = createMemoryControlStore()
    const first = await ensureFirstKeys({ store, random, dataDir })
    expect(await ensureFirstKeys({ store, random, dataDir, adminKey: givenAdminKey })).toEqual(first)
    expect(await rightsOf(store, givenAdminKey)).toEqual(['admin'])
    expect(await rightsOf(store, first.adminKey ?? '')).toEqual(['admin'])
  })

  it.each(['', '{', '[]', '{"merchant":"demo"}', '{"merchant":"other","writeKey":"a","readKey":"b"}'])(
    'stops over a file that does not hold the keys (%j), and leaves it as it is',
    async (text) => {
      writeFileSync(fileOf(), text)
      const asked = ensureFirstKeys({ store: createMemoryControlStore(), random, dataDir })
      await expect(asked).rejects.toBeInstanceOf(StartError)
      await expect(asked).rejects.toThrow(/restore it, or remove it/)
      expect(readFileSync(fileOf(), 'utf8')).toBe(text)
    },
  )
})
