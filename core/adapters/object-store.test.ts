import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { objectStoreContract } from '../ports/object-store.contract.ts'
import { folderObjectStore } from './folder-object-store.ts'
import { type CrashPolicy, MemoryDisk } from './memory/memory-disk.ts'
import { memoryObjectStore } from './memory/memory-object-store.ts'
import { nodeDisk } from './node/node-disk.ts'

objectStoreContract('memoryObjectStore', async () => {
  const store = memoryObjectStore()
  return { store, cleanup: () => store.cleanup() }
})

objectStoreContract('folderObjectStore over nodeDisk', async () => {
  const root = await mkdtemp(join(tmpdir(), 'hitlake-objects-'))
  return { store: await folderObjectStore(nodeDisk(root), 'lake'), cleanup: () => rm(root, { recursive: true }) }
})

objectStoreContract('folderObjectStore over the root of MemoryDisk', async () => {
  const disk = new MemoryDisk()
  return { store: await folderObjectStore(disk, ''), cleanup: () => disk.cleanup() }
})

const policies: readonly CrashPolicy[] = ['drop', 'keep', 'names', 'bytes', { seed: 1 }, { seed: 2 }, { seed: 3 }]

describe('an object in a folder, whatever operation the machine stops at', () => {
  const old = Buffer.alloc(1_500, 'o')
  const fresh = Buffer.alloc(1_700, 'n')

  interface Attempt {
    readonly disk: MemoryDisk
    readonly resolved: boolean
  }

  async function stoppedAt(operation: number, run: (disk: MemoryDisk) => Promise<unknown>): Promise<Attempt> {
    const disk = new MemoryDisk()
    await (await folderObjectStore(disk, 'lake')).put('t/replaced', old)
    disk.stopAt(disk.operations + operation)
    const resolved = await run(disk).then(
      () => true,
      () => false,
    )
    return { disk, resolved }
  }

  /** Runs `check` for the disk after a stop at each operation in turn, until one is not reached. */
  async function everyStop(
    run: (disk: MemoryDisk) => Promise<unknown>,
    check: (left: MemoryDisk, resolved: boolean) => Promise<void>,
  ): Promise<void> {
    for (let operation = 1; ; operation++) {
      const { disk, resolved } = await stoppedAt(operation, run)
      for (const policy of policies) await check(disk.crash(policy), resolved)
      if (resolved) return expect(operation).toBeGreaterThan(5)
    }
  }

  it('is the old one or the new one after put, and the new one once put resolved', async () => {
    await everyStop(
      async (disk) => (await folderObjectStore(disk, 'lake')).put('t/replaced', fresh),
      async (left, resolved) => {
        const store = await folderObjectStore(left, 'lake')
        const found = await store.get('t/replaced')
        expect(found?.equals(fresh) || (!resolved && found?.equals(old))).toBe(true)
        expect(await store.list('')).toEqual(['t/replaced'])
        expect(await left.list('lake/.put')).toEqual([])
      },
    )
  })

  it('is whole or absent after putIfAbsent, and there once it resolved true', async () => {
    await everyStop(
      async (disk) => (await folderObjectStore(disk, 'lake')).putIfAbsent('t/v1/metadata', fresh),
      async (left, resolved) => {
        const found = await (await folderObjectStore(left, 'lake')).get('t/v1/metadata')
        expect(found === undefined ? !resolved : found.equals(fresh)).toBe(true)
      },
    )
  })

  it('stays, once putIfAbsent said to a loser that the name is taken', async () => {
    const disk = new MemoryDisk()
    const [one, two] = [
      await folderObjectStore(disk, 'lake'),
      await folderObjectStore(disk, 'lake', { leftovers: 'keep' }),
    ]
    // The winner has linked its name and stands still before the sync of the folder.
    let linked = false
    disk.fault = ({ kind }) => {
      linked ||= kind === 'link'
      return linked && kind === 'syncFolder' ? 'EIO' : undefined
    }
    await expect(one.putIfAbsent('v1', fresh)).rejects.toMatchObject({ code: 'EIO' })
    disk.fault = undefined
    expect(await two.putIfAbsent('v1', old)).toBe(false)
    const left = await folderObjectStore(disk.crash('drop'), 'lake')
    expect((await left.get('v1'))?.equals(fresh)).toBe(true)
  })
})

describe('a folder of objects', () => {
  it('leaves no temporary file behind where the disk is full', async () => {
    const disk = new MemoryDisk({ capacityBytes: 1_000 })
    const store = await folderObjectStore(disk, 'lake')
    await expect(store.put('x', Buffer.alloc(2_000))).rejects.toMatchObject({ code: 'ENOSPC' })
    await expect(store.putIfAbsent('x', Buffer.alloc(2_000))).rejects.toMatchObject({ code: 'ENOSPC' })
    expect(await disk.list('lake/.put')).toEqual([])
    await store.put('x', Buffer.alloc(900))
  })

  it('is written to by two stores at once without one taking the other’s temporary file', async () => {
    const disk = new MemoryDisk()
    const one = await folderObjectStore(disk, 'lake')
    const two = await folderObjectStore(disk, 'lake', { leftovers: 'keep' })
    await Promise.all(
      Array.from({ length: 10 }, (_, i) => [
        one.put(`one/${i}`, Buffer.from(`1${i}`)),
        two.put(`two/${i}`, Buffer.from(`2${i}`)),
      ]).flat(),
    )
    for (let i = 0; i < 10; i++) {
      expect((await one.get(`one/${i}`))?.toString()).toBe(`1${i}`)
      expect((await one.get(`two/${i}`))?.toString()).toBe(`2${i}`)
    }
  })
})
