/** What the backend's databases share, and what not. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { folderObjectStore } from '../../core/adapters/folder-object-store.ts'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { nodeDisk } from '../../core/adapters/node/node-disk.ts'
import { systemRandom } from '../../core/adapters/node/system.ts'
import { minDatabaseMemoryBytes } from '../../lakehouse/adapters/duckdb/database.ts'
import { crowd, hitsOfWidth, largeEpochs } from '../../lakehouse/adapters/duckdb/test/crowded.ts'
import { createLocalLake } from '../../lakehouse/adapters/local/local-lake.ts'
import { openDatabases } from './databases.ts'

const folders: string[] = []
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true })
})

/** All memory of what publishes, rewrites and asks is taken; `close` gives it back. */
async function crowded() {
  const dataDir = await mkdtemp(join(tmpdir(), 'hitlake-databases-'))
  folders.push(dataDir)
  const { control, staging, lake } = await openDatabases({
    dataDir,
    config: { duckdbMemoryBytes: minDatabaseMemoryBytes, duckdbThreads: 1 },
  })
  const release = await crowd(lake)
  const close = () => {
    release()
    for (const each of [control, staging, lake]) each.closeSync()
  }
  return { dataDir, control, staging, lake, close }
}

describe('while what publishes, rewrites and asks the lake has taken all of its memory', () => {
  it('the control store commits', async () => {
    const { control, close } = await crowded()
    const own = await control.connect()
    await own.run('CREATE TABLE kept AS SELECT range AS x FROM range(100000)')
    const [[rows]] = (await (await own.runAndReadAll('SELECT count(*) FROM kept')).getRows()) as [[bigint]]
    expect(rows).toBe(100_000n)
    own.closeSync()
    close()
  })

  it.each(largeEpochs)('an epoch of %s hits is staged', async (_name, count, width) => {
    const { dataDir, staging, lake, close } = await crowded()
    const parts = {
      objects: await folderObjectStore(nodeDisk(dataDir), 'objects'),
      ...{ instance: lake, scratch: join(dataDir, 'scratch'), random: systemRandom, clock: new ManualClock() },
      location: `file://${dataDir}/objects/lake`,
    }
    const rows = hitsOfWidth(count, width)
    // Or this would show nothing.
    await expect(createLocalLake(parts).stage('hits', 'crowded', rows)).rejects.toThrow(/memory|allocate/i)
    const staged = await createLocalLake({ ...parts, stagingInstance: staging }).stage('hits', 'apart', rows)
    expect(staged.rows).toBe(count)
    close()
  })
})
