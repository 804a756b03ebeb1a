import { describe, expect, it } from 'vitest'
import { type CrashPolicy, MemoryDisk, stoppedCode } from './memory-disk.ts'
import { sectorBytes } from './memory-inode.ts'

async function written(disk: MemoryDisk, path: string, text: string) {
  const file = await disk.open(path, 'create')
  await file.write(Buffer.from(text), 0)
  return file
}
async function content(disk: MemoryDisk, path: string): Promise<string | undefined> {
  if ((await disk.size(path)) === undefined) return undefined
  const file = await disk.open(path, 'read')
  return (await file.read(await file.size(), 0)).toString()
}

describe('a crash of the memory disk', () => {
  //            write -> datasync -> syncFolder          what `drop` leaves
  it.each([
    [false, false, undefined],
    [true, false, undefined],
    [false, true, ''],
    [true, true, 'bytes'],
  ])(
    'keeps a new file’s bytes after datasync (%s) and its name after syncFolder (%s): %j',
    async (data, name, left) => {
      const disk = new MemoryDisk()
      const file = await written(disk, 'x', 'bytes')
      if (data) await file.datasync()
      if (name) await disk.syncFolder('')
      expect(await content(disk.crash('drop'), 'x')).toBe(left)
      expect(await content(disk.crash('keep'), 'x')).toBe('bytes')
      expect(await content(disk.crash('names'), 'x')).toBe(data ? 'bytes' : '')
      expect(await content(disk.crash('bytes'), 'x')).toBe(name ? 'bytes' : undefined)
      expect(await content(disk, 'x')).toBe('bytes')
    },
  )

  it('brings back what a rename, a removal or a cut took away, until it is synced', async () => {
    const disk = new MemoryDisk()
    for (const path of ['old', 'new', 'gone']) await (await written(disk, path, path)).datasync()
    await disk.syncFolder('')
    await disk.rename('new', 'old')
    await disk.remove('gone')
    const left = disk.crash('drop')
    expect(await left.list('')).toEqual(['gone', 'new', 'old'])
    expect(await content(left, 'old')).toBe('old')
    await disk.syncFolder('')
    expect(await disk.crash('drop').list('')).toEqual(['old'])
    expect(await content(disk.crash('drop'), 'old')).toBe('new')

    const file = await disk.open('old', 'write')
    await file.truncate(1)
    expect(await content(disk.crash('drop'), 'old')).toBe('new')
    await file.datasync()
    expect(await content(disk.crash('drop'), 'old')).toBe('n')
  })

  it('needs the sync of both folders for a rename between two', async () => {
    const disk = new MemoryDisk()
    await disk.makeFolder('a')
    await disk.makeFolder('b')
    await (await written(disk, 'a/x', 'x')).datasync()
    await disk.syncFolder('a')
    await disk.rename('a/x', 'b/x')
    await disk.syncFolder('b')
    expect(await disk.crash('drop').list('a')).toEqual(['x'])
    await disk.syncFolder('a')
    expect(await disk.crash('drop').list('a')).toEqual([])
    expect(await disk.crash('drop').list('b')).toEqual(['x'])
  })

  it('loses sectors of one write in any order, each whole, and may leave zeros where a file grew', async () => {
    const disk = new MemoryDisk()
    const file = await disk.open('x', 'create')
    await disk.syncFolder('')
    await file.write(Buffer.alloc(sectorBytes * 2, 'a'), 0)
    await file.datasync()
    await file.write(Buffer.alloc(sectorBytes * 3, 'b'), sectorBytes)
    const seen = new Set<string>()
    for (let seed = 0; seed < 400; seed++) {
      const left = (await content(disk.crash({ seed }), 'x')) ?? ''
      const sectors = left.match(new RegExp(`[^]{${sectorBytes}}`, 'g')) ?? []
      expect(sectors.join('')).toBe(left)
      for (const sector of sectors) expect(new Set(sector).size).toBe(1)
      seen.add(sectors.map((sector) => sector[0]?.replace('\0', '0')).join(''))
    }
    // Sector 1 was 'a', 2 and 3 are new; the length may stay, or come before the bytes.
    expect([...seen].sort()).toEqual(
      ['aa', 'aa00', 'aa0b', 'aab', 'aab0', 'aabb', 'ab', 'ab00', 'ab0b', 'abb', 'abb0', 'abbb'].sort(),
    )
  })

  it('draws the same remains for the same seed', async () => {
    const disk = new MemoryDisk()
    const file = await disk.open('x', 'create')
    await file.write(Buffer.alloc(50_000, 'a'), 0)
    const twice = [{ seed: 5 }, { seed: 5 }] satisfies CrashPolicy[]
    const [one, two] = await Promise.all(twice.map((policy) => content(disk.crash(policy), 'x')))
    expect(one).toBe(two)
  })

  it('leaves a disk that is all on the platter, hard links still one file', async () => {
    const disk = new MemoryDisk()
    await written(disk, 'x', 'bytes')
    await disk.link('x', 'y')
    const left = disk.crash('keep')
    expect(await content(left.crash('drop'), 'x')).toBe('bytes')
    const file = await left.open('x', 'write')
    await file.write(Buffer.from('B'), 0)
    expect(await content(left, 'y')).toBe('Bytes')
    expect(await content(disk, 'y')).toBe('bytes')
  })
})

describe('a fault of the memory disk', () => {
  it('drops what a failed datasync should have saved, and the next one says yes all the same', async () => {
    const disk = new MemoryDisk()
    const file = await written(disk, 'x', 'lost')
    await disk.syncFolder('')
    disk.failAt(disk.operations + 1, 'EIO')
    await expect(file.datasync()).rejects.toMatchObject({ code: 'EIO' })
    await file.datasync()
    expect(await content(disk, 'x')).toBe('lost')
    expect(await content(disk.crash('keep'), 'x')).toBe('')
  })

  it('may leave a part of a failed write, and nothing of any other failed operation', async () => {
    const disk = new MemoryDisk()
    const file = await written(disk, 'x', '')
    disk.fault = () => 'ENOSPC'
    await expect(file.write(Buffer.from('whole'), 0)).rejects.toMatchObject({ code: 'ENOSPC', path: 'x' })
    expect(await content(disk, 'x')).toBe('wh')
    const refused = { code: 'ENOSPC' }
    await expect(disk.open('y', 'create')).rejects.toMatchObject(refused)
    await expect(disk.rename('x', 'y')).rejects.toMatchObject(refused)
    await expect(disk.link('x', 'y')).rejects.toMatchObject(refused)
    await expect(disk.remove('x')).rejects.toMatchObject(refused)
    await expect(file.truncate(0)).rejects.toMatchObject(refused)
    expect(await disk.list('')).toEqual(['x'])
    expect(await content(disk, 'x')).toBe('wh')
  })

  it('counts what changes something, and lets exactly the named operation fail', async () => {
    const disk = new MemoryDisk()
    const kinds: string[] = []
    disk.fault = ({ number, kind, path }) => {
      kinds.push(`${number} ${kind} ${path}`)
      return number === 3 ? 'EIO' : undefined
    }
    await disk.makeFolder('a')
    const file = await written(disk, 'a/x', 'text').catch((error) => error)
    expect(file).toMatchObject({ code: 'EIO' })
    await disk.list('a')
    await disk.size('a/x')
    await disk.syncFolder('a')
    expect(kinds).toEqual(['1 makeFolder a', '2 create a/x', '3 write a/x', '4 syncFolder a'])
    expect(disk.operations).toBe(4)
  })

  it('does nothing any more from the operation it stops at', async () => {
    const disk = new MemoryDisk()
    const file = await written(disk, 'x', 'before')
    disk.stopAt(disk.operations + 1)
    for (let i = 0; i < 2; i++) {
      await expect(file.write(Buffer.from('AFTER'), 0)).rejects.toMatchObject({ code: stoppedCode })
      await expect(file.datasync()).rejects.toMatchObject({ code: stoppedCode })
      await expect(disk.remove('x')).rejects.toMatchObject({ code: stoppedCode })
    }
    expect(await content(disk.crash('keep'), 'x')).toBe('before')
  })

  it('is full at its capacity', async () => {
    const disk = new MemoryDisk({ capacityBytes: 10 })
    const file = await written(disk, 'x', '12345678')
    expect(await disk.space()).toEqual({ free: 2, total: 10 })
    await expect(file.write(Buffer.from('123'), 8)).rejects.toMatchObject({ code: 'ENOSPC' })
    await file.truncate(8)
    await file.write(Buffer.from('90'), 8)
    await file.write(Buffer.from('over'), 0)
    expect(await disk.space()).toEqual({ free: 0, total: 10 })
  })
})
