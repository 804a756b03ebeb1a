/** The query engine of a process of the cluster: Trino, under the limits of the configuration. */
import { createTrinoQueryEngine, type TrinoQueryEngine } from '../../lakehouse/adapters/trino/query-engine.ts'
import type { ClusterProcess } from './process.ts'

export function queryEngine({ trino, config, timers }: ClusterProcess): TrinoQueryEngine {
  return createTrinoQueryEngine({
    trino,
    catalog: config.trino.catalog,
    schema: config.trino.tableSchema,
    timers,
    concurrency: config.queryConcurrency,
    timeoutMs: config.queryTimeoutMs,
  })
}
