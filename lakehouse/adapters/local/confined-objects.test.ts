import { mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { folderObjectStore } from '../../../core/adapters/folder-object-store.ts'
import { memoryObjectStore } from '../../../core/adapters/memory/memory-object-store.ts'
import { nodeDisk } from '../../../core/adapters/node/node-disk.ts'
import { objectStoreContract } from '../../../core/ports/object-store.contract.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import { confinedObjects } from './confined-objects.ts'

const roots: string[] = []
afterAll(async () => {
  for (const root of roots) await rm(root, { recursive: true, force: true })
})

const folders = new Map([['lake/hits/', 'hits']])
const body = Buffer.from('12345')
const refusal = { code: 'LAKE_TABLE_CORRUPT', table: 'hits', what: "a link leads out of the table's folder" }

let root: string
let plain: ObjectStore
let objects: ObjectStore

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hitlake-confined-'))
  roots.push(root)
  await mkdir(join(root, 'outside'))
  await writeFile(join(root, 'outside/file'), 'not yours')
  plain = await folderObjectStore(nodeDisk(root), 'store')
  objects = confinedObjects({ objects: plain, folders })
  await objects.put('lake/hits/data/a', body)
})

const path = (name: string) => join(root, 'store/lake/hits', name)

describe('a table’s objects behind a folder that is a link', () => {
  beforeEach(async () => {
    await symlink(join(root, 'outside'), path('linked'))
  })

  it('are not read, written or removed outside of the table', async () => {
    const name = 'lake/hits/linked/file'
    for (const attempt of [
      () => objects.get(name),
      () => objects.getRange(name, 0, 1),
      () => objects.localPath(name),
      () => objects.remove(name),
      () => objects.put(name, body),
      () => objects.putIfAbsent('lake/hits/linked/new', body),
      () => objects.put('lake/hits/linked/deeper/new', body),
    ]) {
      await expect(attempt()).rejects.toMatchObject(refusal)
    }
    expect(await readdir(join(root, 'outside'))).toEqual(['file'])
    expect(await readFile(join(root, 'outside/file'), 'utf8')).toBe('not yours')
  })

  it('are its own where the link leads to another place of it, and so is all where its folder is the link', async () => {
    await symlink(path('data'), path('other'))
    expect(await objects.get('lake/hits/other/a')).toEqual(body)
    await rename(path(''), join(root, 'moved'))
    await symlink(join(root, 'moved'), path('').replace(/\/$/, ''))
    expect(await objects.get('lake/hits/data/a')).toEqual(body)
    await objects.put('lake/hits/data/b', body)
    expect(await readdir(join(root, 'moved/data'))).toEqual(['a', 'b'])
  })
})

describe('a link that is an object itself', () => {
  it('is not read where it leads out; to remove it takes the link alone', async () => {
    await symlink(join(root, 'outside/file'), path('data/link'))
    await expect(objects.get('lake/hits/data/link')).rejects.toMatchObject(refusal)
    await objects.remove('lake/hits/data/link')
    expect(await readdir(join(root, 'outside'))).toEqual(['file'])
    expect(await readdir(path('data'))).toEqual(['a'])
  })

  it('that leads nowhere is nothing to read, and nothing is written through it', async () => {
    await symlink(join(root, 'outside/none'), path('nowhere'))
    await expect(objects.get('lake/hits/nowhere')).rejects.toMatchObject(refusal)
    await expect(objects.put('lake/hits/nowhere/new', body)).rejects.toMatchObject(refusal)
    expect(await readdir(join(root, 'outside'))).toEqual(['file'])
  })
})

describe('an object that is made while it is looked for', () => {
  it('is found or not, and never taken for a link', async () => {
    for (let n = 0; n < 200; n++) {
      const name = `lake/hits/data/made-${n}`
      const made = plain.put(name, body)
      const found: (string | undefined)[] = []
      for (let tries = 0; tries < 20; tries++) {
        found.push((await objects.get(name).catch((error) => error.code))?.toString())
      }
      await made
      expect(found.filter((what) => what !== '12345' && what !== undefined)).toEqual([])
    }
  })
})

describe('objects of no table, and of stores that are no folder', () => {
  it('are let through', async () => {
    await plain.put('staged/x', body)
    await symlink(join(root, 'outside'), join(root, 'store/staged/linked'))
    expect(String(await objects.get('staged/linked/file'))).toBe('not yours')
    const memory = confinedObjects({ objects: memoryObjectStore(), folders })
    await memory.put('lake/hits/data/a', body)
    expect(await memory.get('lake/hits/data/a')).toEqual(body)
    await memory.remove('lake/hits/data/a')
    expect(await memory.get('lake/hits/data/a')).toBeUndefined()
  })
})

it('as many paths as allowed are looked at once; one more, and all of them again', async () => {
  for (const [namesMax, end] of [
    [2, 'given'],
    [1, 'refused'],
  ] as const) {
    const some = confinedObjects({ objects: plain, folders, namesMax })
    await some.put('lake/hits/data/a', body)
    await some.put('lake/hits/data/b', body)
    await some.localPath('lake/hits/data/a')
    await some.localPath('lake/hits/data/b')
    await rm(path('data/a'))
    await symlink(join(root, 'outside/file'), path('data/a'))
    const again = some.localPath('lake/hits/data/a').then(
      () => 'given',
      () => 'refused',
    )
    expect(await again).toBe(end)
    await rm(path('data/a'))
  }
})

objectStoreContract('a folder whose names are all of one table', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hitlake-confined-'))
  const store = confinedObjects({
    objects: await folderObjectStore(nodeDisk(folder), 'store'),
    folders: new Map([['', 'hits']]),
  })
  return { store, cleanup: () => rm(folder, { recursive: true, force: true }) }
})
