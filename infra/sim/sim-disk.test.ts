import { describe, expect, it } from 'vitest'
import { SimDisk } from './sim-disk.ts'

async function diskWith(path: string, bytes: Buffer): Promise<SimDisk> {
  const disk = new SimDisk()
  await disk.memory.makeFolder('log')
  const file = await disk.memory.open(path, 'create')
  await file.write(bytes, 0)
  await file.datasync()
  await file.close()
  return disk
}

async function read(disk: SimDisk, path: string): Promise<Buffer> {
  const file = await disk.memory.open(path, 'read')
  const bytes = await file.read(3, 0)
  await file.close()
  return bytes
}

describe('a disk', () => {
  it('is damaged by one bit of a file, and as it was once it is mended', async () => {
    const disk = await diskWith('log/1', Buffer.from([1, 2, 3]))
    await disk.damage('log/1', 1, 7)
    expect(await read(disk, 'log/1')).toEqual(Buffer.from([1, 130, 3]))
    await disk.heal()
    expect(await read(disk, 'log/1')).toEqual(Buffer.from([1, 2, 3]))
  })

  it('explains an error while damaged, and of what was put right last until all have read it again', async () => {
    const disk = await diskWith('log/1', Buffer.from([1, 2, 3]))
    const damagedOne = new Error('log/1 is damaged at byte 1')
    expect(disk.explains(damagedOne)).toBe(false)
    await disk.damage('log/1', 1, 7)
    expect(disk.explains(new Error('anything'))).toBe(true)
    await disk.heal()
    await disk.heal()
    expect([disk.explains(damagedOne), disk.explains(new Error('anything'))]).toEqual([true, false])
    disk.forget()
    expect(disk.explains(damagedOne)).toBe(false)
  })
})
