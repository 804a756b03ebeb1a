import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { nodeSyncReader } from './node-sync-reader.ts'

it('reads files of a folder with a bounded number of descriptors', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hitlake-reader-'))
  const reader = nodeSyncReader({ maxOpen: 2 })
  const paths = ['a', 'b', 'c'].map((name) => join(folder, name))
  for (const path of paths) writeFileSync(path, path)
  const into = Buffer.alloc(500)
  for (const path of [...paths, ...paths]) {
    expect(into.subarray(0, reader.readAt(path, into, 0)).toString()).toBe(path)
    expect(reader.open).toBeLessThanOrEqual(2)
  }
  const [first = ''] = paths
  writeFileSync(`${first}.new`, 'changed')
  renameSync(`${first}.new`, first)
  reader.forget(first)
  expect(into.subarray(0, reader.readAt(first, into, 0)).toString()).toBe('changed')
  reader.close()
  expect(reader.open).toBe(0)
  rmSync(folder, { recursive: true })
})
