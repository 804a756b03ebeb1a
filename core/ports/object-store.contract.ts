/** What every ObjectStore does, run against each adapter. */
import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ObjectStore } from './object-store.ts'

export interface ObjectStoreUnderTest {
  readonly store: ObjectStore
  readonly cleanup: () => Promise<void>
}

export function objectStoreContract(adapter: string, make: () => Promise<ObjectStoreUnderTest>): void {
  describe(`${adapter} is an object store that`, () => {
    let store: ObjectStore
    let cleanup: () => Promise<void>
    beforeEach(async () => {
      ;({ store, cleanup } = await make())
    })
    afterEach(() => cleanup())

    it('gives back an object, whole or in part', async () => {
      await store.put('a/b/c.bin', Buffer.from('0123456789'))
      expect((await store.get('a/b/c.bin'))?.toString()).toBe('0123456789')
      expect((await store.getRange('a/b/c.bin', 3, 4))?.toString()).toBe('3456')
      expect((await store.getRange('a/b/c.bin', 8, 100))?.toString()).toBe('89')
      expect((await store.getRange('a/b/c.bin', 10, 1))?.length).toBe(0)
      expect(await store.size('a/b/c.bin')).toBe(10)
    })

    it('has nothing where nothing was put', async () => {
      await store.put('a/b', Buffer.from('x'))
      for (const name of ['a/c', 'a/b2', 'a/b/c', 'z']) {
        expect(await store.get(name)).toBeUndefined()
        expect(await store.size(name)).toBeUndefined()
      }
      expect(await store.getRange('a/c', 0, 1)).toBeUndefined()
      await store.remove('a/c')
      await store.remove('nowhere/at/all')
    })

    it('replaces an object, also by a shorter one', async () => {
      await store.put('x', Buffer.from('long body'))
      await store.put('x', Buffer.from('s'))
      expect((await store.get('x'))?.toString()).toBe('s')
    })

    it('takes a body in pieces whose buffer is used again', async () => {
      async function* pieces() {
        const buffer = Buffer.alloc(100_000)
        for (let i = 0; i < 10; i++) yield buffer.fill(i)
        yield Buffer.alloc(0)
        yield buffer.subarray(0, 3).fill(10)
      }
      await store.put('x', pieces())
      const body = await store.get('x')
      expect(body?.length).toBe(1_000_003)
      for (let i = 0; i < 10; i++)
        expect(body?.subarray(i * 100_000, (i + 1) * 100_000).equals(Buffer.alloc(100_000, i))).toBe(true)
      expect([...(body?.subarray(1_000_000) ?? [])]).toEqual([10, 10, 10])
    })

    it('leaves the old object, and nothing else, where a body breaks off', async () => {
      await store.put('x', Buffer.from('old'))
      async function* broken() {
        yield Buffer.alloc(600_000)
        throw new Error('the source broke')
      }
      await expect(store.put('x', broken())).rejects.toThrow('the source broke')
      expect((await store.get('x'))?.toString()).toBe('old')
      expect(await store.list('')).toEqual(['x'])
    })

    it('takes an object without bytes', async () => {
      await store.put('empty', Buffer.alloc(0))
      expect(await store.size('empty')).toBe(0)
      expect((await store.get('empty'))?.length).toBe(0)
    })

    it('gives a free name to one of many that ask for it at once', async () => {
      const won = await Promise.all(Array.from({ length: 20 }, (_, i) => store.putIfAbsent('v1', Buffer.from(`${i}`))))
      expect(won.filter(Boolean)).toHaveLength(1)
      expect((await store.get('v1'))?.toString()).toBe(`${won.indexOf(true)}`)
      expect(await store.putIfAbsent('v1', Buffer.from('later'))).toBe(false)
      expect((await store.get('v1'))?.toString()).toBe(`${won.indexOf(true)}`)
      await store.remove('v1')
      expect(await store.putIfAbsent('v1', Buffer.from('again'))).toBe(true)
    })

    it('does not see what its caller does to a buffer later', async () => {
      const body = Buffer.from('abc')
      await store.put('x', body)
      await store.putIfAbsent('y', body)
      body.fill('!')
      const read = await store.get('x')
      expect(read?.toString()).toBe('abc')
      read?.fill('?')
      expect((await store.get('x'))?.toString()).toBe('abc')
      expect((await store.get('y'))?.toString()).toBe('abc')
    })

    it('lists by prefix, sorted by code point, whether or not the prefix ends at a slash', async () => {
      const part = fc.constantFrom('a', 'b', 'ab', 'B', '\u{1F600}', '\uFF5E', 'x.json')
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(part, { minLength: 1, maxLength: 3 }), { maxLength: 8 }),
          fc.array(part, { maxLength: 2 }),
          fc.constantFrom('', '/', '/a'),
          async (names, prefixParts, end) => {
            const { store: fresh, cleanup: done } = await make()
            // A name below another object's name is a folder that is a file.
            const flat = [...new Set(names.map((parts) => parts.join('/')))]
            const kept = flat.filter((name) => !flat.some((other) => other.startsWith(`${name}/`)))
            for (const name of kept) await fresh.put(name, Buffer.from('x'))
            const prefix = prefixParts.length === 0 ? '' : prefixParts.join('/') + end
            const expected = kept
              .filter((name) => name.startsWith(prefix))
              .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
            expect(await fresh.list(prefix)).toEqual(expected)
            await done()
          },
        ),
        { numRuns: 30 },
      )
    })

    it.each([
      '',
      '/a',
      'a/',
      'a//b',
      '..',
      'a/../b',
      '../a',
      './a',
      'a/./b',
      '.put/0',
      'a\\b',
      'a\0',
      'a\n',
      'a\u007f/b',
      'a\ud800',
    ])('refuses the name %j', async (name) => {
      const body = Buffer.from('x')
      await expect(store.put(name, body)).rejects.toThrow(RangeError)
      await expect(store.putIfAbsent(name, body)).rejects.toThrow(RangeError)
      await expect(store.get(name)).rejects.toThrow(RangeError)
      await expect(store.getRange(name, 0, 1)).rejects.toThrow(RangeError)
      await expect(store.remove(name)).rejects.toThrow(RangeError)
      await expect(store.size(name)).rejects.toThrow(RangeError)
      await expect(store.localPath(name)).rejects.toThrow(RangeError)
      await expect(store.forgetLocal(name)).rejects.toThrow(RangeError)
      expect(await store.list('')).toEqual([])
    })

    it('shows an object to other programs as a file', async () => {
      await store.put('a/b.txt', Buffer.from('seen'))
      expect(await readFile(await store.localPath('a/b.txt'), 'utf8')).toBe('seen')
    })

    it('shows an object as a file to many at once, and after it was replaced the new one', async () => {
      await store.put('a/b.txt', Buffer.from('first'))
      const paths = await Promise.all(Array.from({ length: 8 }, () => store.localPath('a/b.txt')))
      for (const path of paths) expect(await readFile(path, 'utf8')).toBe('first')
      await store.put('a/b.txt', Buffer.from('second'))
      expect(await readFile(await store.localPath('a/b.txt'), 'utf8')).toBe('second')
    })

    it('has no file of an object that is not there, and of a removed one no more', async () => {
      await expect(store.localPath('a/none')).rejects.toThrow()
      await store.put('a/b', Buffer.from('x'))
      await store.localPath('a/b')
      await store.remove('a/b')
      await expect(store.localPath('a/b')).rejects.toThrow()
    })

    it('gives the file again after it was forgotten', async () => {
      await store.put('a/b.txt', Buffer.from('seen'))
      await store.localPath('a/b.txt')
      await store.forgetLocal('a/b.txt')
      await store.forgetLocal('a/b.txt')
      await store.forgetLocal('never/asked/for')
      expect((await store.get('a/b.txt'))?.toString()).toBe('seen')
      expect(await readFile(await store.localPath('a/b.txt'), 'utf8')).toBe('seen')
    })

    it.each([
      'a b/c+d=e&f.bin',
      'per%cent/%2F%00/%zz',
      'q?x=1#frag;v=2',
      'quote\'"<>&amp;|*~!@$^(){}[],:',
      'ü/\u0065\u0301/\u{1F600}/\uFF5E',
      'ends.with./a..b/c...',
      ' lead/trail ',
      `${'long/'.repeat(20)}${'x'.repeat(200)}`,
    ])('takes the name %j', async (name) => {
      expect(await store.putIfAbsent(name, Buffer.from('one'))).toBe(true)
      expect(await store.putIfAbsent(name, Buffer.from('two'))).toBe(false)
      await store.put(name, Buffer.from('three'))
      expect((await store.get(name))?.toString()).toBe('three')
      expect((await store.getRange(name, 1, 2))?.toString()).toBe('hr')
      expect(await store.size(name)).toBe(5)
      expect(await store.list('')).toEqual([name])
      expect(await store.list(name.slice(0, -1))).toEqual([name])
      expect(await readFile(await store.localPath(name), 'utf8')).toBe('three')
      await store.remove(name)
      expect(await store.list('')).toEqual([])
    })
  })
}
