/** The tutorial docs/tutorial/mend-history over real servers: the same commands, and all roles in one process. */
import { aMonthIsMended } from './support/a-month-is-mended.ts'
import { clusterEnvironment, serversOf } from './support/cluster.ts'

aMonthIsMended('over real servers', {
  env: () => clusterEnvironment(serversOf(process.env), { HITLAKE_KAFKA_PARTITIONS: '2', HITLAKE_LOG_LEVEL: 'info' }),
  without: ['HITLAKE_PUBLISH_EVERY'],
  maxMs: 900_000,
})
