/** What the backend's databases share, and what not. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { minDatabaseMemoryBytes } from '../../lakehouse/adapters/duckdb/database.ts'
import { openDatabases } from './databases.ts'

const folders: string[] = []
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true })
})

describe('the databases of the embedded process', () => {
  it('the control store commits while what writes and asks the lake has taken all of its memory', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'hitlake-databases-'))
    folders.push(dataDir)
    const { control, lake } = await openDatabases({
      dataDir,
      config: { duckdbMemoryBytes: minDatabaseMemoryBytes, duckdbThreads: 1 },
    })
    const greedy = await lake.connect()
    await greedy.run("SET temp_directory = ''").catch(() => undefined)
    await greedy.run('BEGIN')
    await greedy.run('CREATE TEMP TABLE held (x VARCHAR)')
    const fill = async () => {
      for (;;) await greedy.run('INSERT INTO held SELECT repeat(x::VARCHAR, 20) FROM range(200000) AS t(x)')
    }
    await expect(fill()).rejects.toThrow(/Out of Memory|could not/)
    const own = await control.connect()
    await own.run('CREATE TABLE kept AS SELECT range AS x FROM range(100000)')
    const [[rows]] = (await (await own.runAndReadAll('SELECT count(*) FROM kept')).getRows()) as [[bigint]]
    expect(rows).toBe(100_000n)
    greedy.closeSync()
    own.closeSync()
    control.closeSync()
    lake.closeSync()
  })
})
