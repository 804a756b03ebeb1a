/** What the roles of one process of a cluster share, and what not. No server answers here. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseConfig } from '../../core/config/parse-config.ts'
import { crowd, hitsOfWidth, largeEpochs } from '../../lakehouse/adapters/duckdb/test/crowded.ts'
import { createTrinoLake } from '../../lakehouse/adapters/trino/lake.ts'
import { type ClusterProcess, lakeParts, openProcess } from './process.ts'

let folder: string
let host: ClusterProcess
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hitlake-process-'))
  await mkdir(join(folder, 'objects'))
  const config = parseConfig({
    HITLAKE_MODE: 'cluster',
    HITLAKE_DATA_DIR: join(folder, 'data'),
    HITLAKE_OBJECTS_URI: `file://${folder}/objects`,
    HITLAKE_DUCKDB_MEMORY: '64MB',
    HITLAKE_LOG_LEVEL: 'silent',
    ...{ HITLAKE_TRINO_URL: 'http://127.0.0.1:9', HITLAKE_KAFKA_BROKERS: '127.0.0.1:9' },
    ...{ HITLAKE_POSTGRES_URL: 'postgres://127.0.0.1:9/none', HITLAKE_TRINO_CATALOG: 'lake' },
  })
  if (config.mode !== 'cluster') throw new Error('not of a cluster')
  host = await openProcess(config, [])
})
afterAll(async () => {
  await host.close()
  await rm(folder, { recursive: true, force: true })
})

describe('while what publishes, rewrites and asks the lake has taken all of its memory', () => {
  it.each(largeEpochs)('an epoch of %s hits is staged', async (_name, count, width) => {
    const release = await crowd(host.instance)
    const { stagingInstance, ...shared } = lakeParts(host)
    const rows = hitsOfWidth(count, width)
    // Or this would show nothing.
    await expect(createTrinoLake(shared).stage('hits', 'staged/crowded', rows)).rejects.toThrow(/memory|allocate/i)
    const staged = await createTrinoLake({ ...shared, stagingInstance }).stage('hits', 'staged/apart', rows)
    expect(staged.rows).toBe(count)
    release()
  })
})
