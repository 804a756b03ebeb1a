/** What the roles of one process of a cluster share, and what not. No server answers here. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ClusterConfig } from '../../core/config/cluster.ts'
import { parseConfig } from '../../core/config/parse-config.ts'
import { crowd, hitsOfWidth, largeEpochs } from '../../lakehouse/adapters/duckdb/test/crowded.ts'
import { createTrinoLake } from '../../lakehouse/adapters/trino/lake.ts'
import { type ClusterProcess, lakeParts, openObjects, openProcess } from './process.ts'

let folder: string
let host: ClusterProcess
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hitlake-process-'))
  await mkdir(join(folder, 'objects'))
  host = await openProcess(configOver(folder), [])
})
afterAll(async () => {
  await host.close()
  await rm(folder, { recursive: true, force: true })
})

function configOver(place: string): ClusterConfig {
  const config = parseConfig({
    HITLAKE_MODE: 'cluster',
    HITLAKE_DATA_DIR: join(place, 'data'),
    HITLAKE_OBJECTS_URI: `file://${place}/objects`,
    HITLAKE_DUCKDB_MEMORY: '64MB',
    HITLAKE_LOG_LEVEL: 'silent',
    ...{ HITLAKE_TRINO_URL: 'http://127.0.0.1:9', HITLAKE_KAFKA_BROKERS: '127.0.0.1:9' },
    ...{ HITLAKE_POSTGRES_URL: 'postgres://127.0.0.1:9/none', HITLAKE_TRINO_CATALOG: 'lake' },
  })
  if (config.mode !== 'cluster') throw new Error('not of a cluster')
  return config
}

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

it('objects in a folder that is not there are refused, not begun anew', async () => {
  const elsewhere = join(folder, 'elsewhere')
  await expect(openObjects(configOver(elsewhere), folder)).rejects.toThrow(
    `HITLAKE_OBJECTS_URI names ${elsewhere}/objects, which is not there; make or mount it`,
  )
})
