import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { folderObjectStore } from '../../core/adapters/folder-object-store.ts'
import { nodeDisk } from '../../core/adapters/node/node-disk.ts'
import { history, publishKey } from '../core/iceberg/metadata.ts'
import { tagsOf } from '../core/iceberg/refs.ts'
import { TableUnderTest } from './iceberg-table-under-test.ts'

const writers = 3
const commits = 100

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hitlake-writers-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

function write(own: number): Promise<string> {
  const inProject = (path: string) => resolve(import.meta.dirname, '../..', path)
  const script = [inProject('infra/test/run-typescript.mjs'), inProject('lakehouse/test/iceberg-writer.child.ts')]
  const child = spawn(process.execPath, [...script, folder, String(own), String(commits)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.on('data', (text) => {
    said += text
  })
  return new Promise((done, reject) => {
    child.once('close', (code) => (code === 0 ? done(said) : reject(new Error(`writer ${own} ended with ${code}`))))
  })
}

it(`${writers} processes with ${commits} commits each on one folder lose nothing, and count nothing twice`, async () => {
  await Promise.all(Array.from({ length: writers }, (_, own) => write(own)))
  const table = new TableUnderTest(await folderObjectStore(nodeDisk(folder), 'store'))
  const wanted = Array.from({ length: writers * commits }, (_, n) => `w${Math.floor(n / commits)}-${n % commits}`)
  expect(await table.names()).toEqual(wanted.sort())
  const metadata = await table.metadata()
  const published = [...history(metadata)].flatMap((snapshot) => snapshot.summary?.[publishKey] ?? [])
  expect(published).toHaveLength(writers * commits)
  expect(new Set(published).size).toBe(writers * commits)
  const sequences = [...history(metadata)].map((snapshot) => Number(snapshot['sequence-number']))
  expect(sequences).toEqual(sequences.map((_, n) => sequences.length - n))
  expect(tagsOf(metadata)).toHaveLength(writers * (commits / 20))
  const summary = [...history(metadata)][0]?.summary
  expect(summary?.['total-records']).toBe(String(writers * commits * 10))
})
