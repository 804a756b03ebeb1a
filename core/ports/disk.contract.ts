/** What every Disk does, run against each adapter. Durability itself is shown where a crash can be made: `memory-disk.test.ts`. */
import { readFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Disk } from './disk.ts'

export interface DiskUnderTest {
  readonly disk: Disk
  readonly cleanup: () => Promise<void>
}

export function diskContract(adapter: string, make: () => Promise<DiskUnderTest>): void {
  describe(`${adapter} is a disk that`, () => {
    let disk: Disk
    let cleanup: () => Promise<void>
    beforeEach(async () => {
      ;({ disk, cleanup } = await make())
      await disk.makeFolder('a')
    })
    afterEach(() => cleanup())

    async function create(path: string, text: string): Promise<void> {
      const file = await disk.open(path, 'create')
      await file.write(Buffer.from(text), 0)
      await file.close()
    }
    async function content(path: string): Promise<string> {
      const file = await disk.open(path, 'read')
      const bytes = await file.read(1_000, 0)
      await file.close()
      return bytes.toString()
    }

    it('gives back what was written, at any place, with zeros in the gap', async () => {
      const file = await disk.open('a/x', 'create')
      await file.write(Buffer.from('world'), 6)
      await file.write(Buffer.from('hello'), 0)
      expect(await file.size()).toBe(11)
      expect((await file.read(100, 0)).toString()).toBe('hello\0world')
      expect((await file.read(3, 6)).toString()).toBe('wor')
      expect((await file.read(5, 11)).length).toBe(0)
      expect((await file.read(0, 0)).length).toBe(0)
      await file.datasync()
      await file.close()
      expect(await content('a/x')).toBe('hello\0world')
    })

    it('takes the bytes of a write at the call, or before it resolves', async () => {
      const buffer = Buffer.from('first')
      const file = await disk.open('a/x', 'create')
      await file.write(buffer, 0)
      buffer.fill('!')
      await file.close()
      expect(await content('a/x')).toBe('first')
    })

    it('cuts a file, and fills with zeros where it grows again', async () => {
      await create('a/x', 'abcdef')
      const file = await disk.open('a/x', 'write')
      await file.truncate(2)
      await file.write(Buffer.from('z'), 4)
      expect((await file.read(10, 0)).toString()).toBe('ab\0\0z')
      await file.close()
    })

    it('makes a file once: of two that create it, one gets EEXIST', async () => {
      const both = await Promise.allSettled([disk.open('a/x', 'create'), disk.open('a/x', 'create')])
      expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
      expect(both.find((one) => one.status === 'rejected')?.reason).toMatchObject({ code: 'EEXIST' })
      for (const one of both) if (one.status === 'fulfilled') await one.value.close()
    })

    it('names what is missing with ENOENT', async () => {
      await expect(disk.open('a/x', 'read')).rejects.toMatchObject({ name: 'DiskError', code: 'ENOENT' })
      await expect(disk.open('a/x', 'write')).rejects.toMatchObject({ code: 'ENOENT' })
      await expect(disk.open('nowhere/x', 'create')).rejects.toMatchObject({ code: 'ENOENT' })
      await expect(disk.remove('a/x')).rejects.toMatchObject({ code: 'ENOENT' })
      await expect(disk.rename('a/x', 'a/y')).rejects.toMatchObject({ code: 'ENOENT' })
      await expect(disk.link('a/x', 'a/y')).rejects.toMatchObject({ code: 'ENOENT' })
      expect(await disk.size('a/x')).toBeUndefined()
      expect(await disk.list('nowhere')).toEqual([])
    })

    it('finds nothing below a file, and makes no folder there', async () => {
      await create('a/x', 'abc')
      expect(await disk.list('a/x')).toEqual([])
      expect(await disk.size('a/x/y')).toBeUndefined()
      expect(await disk.size('a')).toBeUndefined()
      await expect(disk.open('a/x/y', 'read')).rejects.toMatchObject({ code: 'ENOENT' })
      await expect(disk.remove('a/x/y')).rejects.toMatchObject({ code: 'ENOENT' })
      await expect(disk.makeFolder('a/x')).rejects.toMatchObject({ code: 'ENOTDIR' })
      expect(await content('a/x')).toBe('abc')
    })

    it('refuses to write to a file opened for reading', async () => {
      await create('a/x', 'abc')
      const file = await disk.open('a/x', 'read')
      await expect(file.write(Buffer.from('z'), 0)).rejects.toMatchObject({ name: 'DiskError' })
      await file.close()
      expect(await content('a/x')).toBe('abc')
    })

    it('replaces a file by rename, while who has the old one open still reads it', async () => {
      await create('a/x', 'new')
      await create('a/y', 'old')
      const open = await disk.open('a/y', 'read')
      await disk.rename('a/x', 'a/y')
      expect(await content('a/y')).toBe('new')
      expect((await open.read(10, 0)).toString()).toBe('old')
      await open.close()
      expect(await disk.list('a')).toEqual(['y'])
    })

    it('gives a file a second name, and refuses one that is taken', async () => {
      await create('a/x', 'one')
      await create('a/y', 'two')
      await disk.link('a/x', 'a/z')
      await expect(disk.link('a/x', 'a/y')).rejects.toMatchObject({ code: 'EEXIST' })
      await disk.remove('a/x')
      expect(await content('a/z')).toBe('one')
      expect(await content('a/y')).toBe('two')
    })

    it('lets who has a removed file open read on', async () => {
      await create('a/x', 'gone')
      const open = await disk.open('a/x', 'read')
      await disk.remove('a/x')
      expect((await open.read(10, 0)).toString()).toBe('gone')
      await open.close()
    })

    it('lists names sorted by code point, folders with a closing slash, nothing from below', async () => {
      for (const name of ['b', 'A', '\u{1F600}', '\uFF5E']) await create(`a/${name}`, '')
      await disk.makeFolder('a/sub/deeper')
      await create('a/sub/hidden', '')
      expect(await disk.list('a')).toEqual(['A', 'b', 'sub/', '\uFF5E', '\u{1F600}'])
      expect(await disk.list('a/')).toEqual(await disk.list('a'))
      expect(await disk.list('a/sub')).toEqual(['deeper/', 'hidden'])
    })

    it('makes a folder that is there already, and two at once', async () => {
      await Promise.all([disk.makeFolder('p/q/r'), disk.makeFolder('p/q/s'), disk.makeFolder('a')])
      expect(await disk.list('p/q')).toEqual(['r/', 's/'])
    })

    it.each(['../x', 'a/../../x', '/etc/passwd', 'a//x', './x', 'a/.', 'a\\x', 'a/\0', '/'])(
      'refuses the path %j, which leaves the root or has two meanings',
      async (path) => {
        const refusal = { name: 'DiskError', code: 'EINVAL' }
        await expect(disk.open(path, 'create')).rejects.toMatchObject(refusal)
        await expect(disk.open(path, 'read')).rejects.toMatchObject(refusal)
        await expect(disk.rename('a/x', path)).rejects.toMatchObject(refusal)
        await expect(disk.rename(path, 'a/x')).rejects.toMatchObject(refusal)
        await expect(disk.link('a/x', path)).rejects.toMatchObject(refusal)
        await expect(disk.remove(path)).rejects.toMatchObject(refusal)
        await expect(disk.list(path)).rejects.toMatchObject(refusal)
        await expect(disk.makeFolder(path)).rejects.toMatchObject(refusal)
        await expect(disk.syncFolder(path)).rejects.toMatchObject(refusal)
        await expect(disk.size(path)).rejects.toMatchObject(refusal)
        await expect(disk.localPath(path)).rejects.toMatchObject(refusal)
      },
    )

    it('says how much room there is', async () => {
      const { free, total } = await disk.space()
      expect(free).toBeGreaterThan(0)
      expect(total).toBeGreaterThanOrEqual(free)
    })

    it('shows a file to other programs', async () => {
      await create('a/x', 'seen')
      expect(await readFile(await disk.localPath('a/x'), 'utf8')).toBe('seen')
    })
  })
}
