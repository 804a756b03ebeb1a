/** The role `gateway`: time series through Trino, and the admin API. */
import { kafkaFeedScan } from '../../gateway/adapters/kafka/feed-scan.ts'
import { createCells } from '../../gateway/core/cells.ts'
import { takeClusterBooks } from '../../gateway/core/cluster-books.ts'
import { createClusterFreshness } from '../../gateway/core/cluster-freshness.ts'
import { createEraser } from '../../gateway/core/erase.ts'
import type { KeyDirectory } from '../../gateway/core/keys.ts'
import { createQueries } from '../../gateway/core/query/query.ts'
import { createTimeSeries } from '../../gateway/core/time-series.ts'
import { createVersions } from '../../gateway/core/versions.ts'
import { adminRoutes } from '../../gateway/http/routes/admin.ts'
import { metaRoutes } from '../../gateway/http/routes/meta.ts'
import { queryRoutes } from '../../gateway/http/routes/query.ts'
import { timeSeriesRoutes } from '../../gateway/http/routes/time-series.ts'
import { createTrinoLake } from '../../lakehouse/adapters/trino/lake.ts'
import { tableNames } from '../../schemas/tables.ts'
import { createPipelineCatalog } from '../explain/catalog.ts'
import { loadPipelines } from '../explain/release-pipelines.ts'
import { type ClusterProcess, lakeParts } from './process.ts'
import { queryEngine } from './query-engine.ts'
import type { RunningRole } from './role.ts'
import { askUpkeep } from './upkeep-requests.ts'

export async function startGateway(host: ClusterProcess, keys: KeyDirectory): Promise<RunningRole> {
  const { config, store, clock, timers, random, metrics } = host
  const engine = queryEngine(host)
  const versions = createVersions({ store, timers })
  const freshness = createClusterFreshness({ store, versions, clock, timers })
  await freshness.start()
  const cells = createCells({
    engine,
    store,
    versions,
    maxBytes: config.cellsMaxBytes,
    rawRowBudget: config.rawRowBudget,
  })
  const timeSeries = createTimeSeries({ cells, versions, freshness, clock, timers })
  const queries = createQueries({ cells, versions, freshness, clock, timers })
  const lake = createTrinoLake(lakeParts(host))
  const requests = askUpkeep({ objects: host.objects, clock, timers, random })
  const scan = kafkaFeedScan({ kafka: host.kafka, topic: config.kafka.topic, timers, random })
  metrics.read({ cellsBytes: () => cells.bytes, asOfMs: () => freshness.read() })

  return {
    plugins: [
      adminRoutes({
        store,
        keys,
        random,
        erase: createEraser({ store, engine, versions, clock }),
        lake,
        upkeep: {
          partitions: (table) => lake.partitions(table),
          changes: (table, from, to) => lake.changes(table, from, to),
          verify: (table) => lake.verify(table),
          // Trino 476 sets no tags.
          pinned: async () => undefined,
          ...requests,
        },
        tables: tableNames,
        clock,
        takeBooks: takeClusterBooks({ store, scan, clock, timers }),
        pipelines: createPipelineCatalog({
          load: () => loadPipelines(config.plansDir),
          live: { store, objects: host.objects, clock },
        }),
        reruns: { planner: { plan: requests.planRerun }, freshness, onChanged: () => versions.refresh() },
      }),
      timeSeriesRoutes({ keys, timeSeries, store }),
      queryRoutes({ keys, queries, store, timers }),
      metaRoutes({ keys, rawRowBudget: config.rawRowBudget }),
    ],
    drain: async () => undefined,
    async close() {
      freshness.stop()
      versions.stop()
      await engine.close()
    },
  }
}
