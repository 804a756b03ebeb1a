/**
 * Goals of the issues that are no figures, and the test that stands for each; whether it passes is for `npm test` and its
 * longer suites to say.
 */
export interface HeldGoal {
  readonly issue: number
  readonly name: string
  /** The file, from the project's root. */
  readonly test: string
}

const held = (issue: number, name: string, test: string): HeldGoal => ({ issue, name, test })

export const heldByTests: readonly HeldGoal[] = [
  held(
    3,
    'the real log: 9,999 stored, one reported, 3,009 bots, every hour equal to a recount, also after a kill and twice',
    'cli/test/access-log.real.test.ts',
  ),
  held(
    3,
    'every number equal to a recount in four zones over their clock changes, after crashes and restart',
    'cli/test/every-number-equals-a-recount.test.ts',
  ),
  held(
    3,
    'the same after 200 random kills, a third of them right after a 202',
    'cli/test/no-accepted-hit-is-lost.long.test.ts',
  ),
  held(
    3,
    '1,000 hits over 30 days in one batch; 10,000 merchants with one hit each; one merchant with everything',
    'cli/test/any-shape-of-traffic.long.test.ts',
  ),
  held(3, 'power cut at every operation of the disk: the books balance', 'cli/test/power-cut.long.test.ts'),
  held(3, 'bad input of every kind gets its code; never a 5xx, never a hang', 'cli/test/bad-input.test.ts'),
  held(4, 'a cluster counts what one process counts', 'cli/test/a-cluster-equals-embedded.cluster.test.ts'),
  held(4, 'random faults of a cluster: books balanced to the hit', 'cli/test/no-accepted-hit-is-lost.cluster.test.ts'),
  held(4, 'publishers that race', 'lakehouse/test/trino-publishers.cluster.test.ts'),
  held(4, 'poison records are set aside with their position', 'cli/test/poison-records.cluster.test.ts'),
  held(
    4,
    'a control store restored from an old copy is refused, then recovered',
    'cli/test/a-restored-control-store.cluster.test.ts',
  ),
  held(
    5,
    'random queries cold, warm, from rollup, from raw and by a recount are equal',
    'cli/test/every-query-equals-a-recount.test.ts',
  ),
  held(5, 'DuckDB and Trino are equal', 'lakehouse/test/engines-agree.cluster.test.ts'),
  held(5, 'nothing of another merchant, whatever the string', 'cli/test/one-merchant-never-sees-another.test.ts'),
  held(5, 'a million strings through the literal writer', 'lakehouse/core/sql/literals.long.test.ts'),
  held(6, 'opened from outside: PyIceberg and DuckDB in Python', 'lakehouse/test/all-that-happened.outside.test.ts'),
  held(
    6,
    'opened and changed by Trino, read back with equal rows',
    'lakehouse/test/trino-changes-our-tables.cluster.test.ts',
  ),
  held(6, '3 processes with 100 commits each lose nothing', 'lakehouse/test/iceberg-writers-lose-nothing.long.test.ts'),
  held(
    6,
    'a hostile table: nothing outside the warehouse is read or deleted',
    'lakehouse/adapters/local/hostile-table.test.ts',
  ),
  held(
    7,
    'random plans: any order, partitions, crash and rescale give equal rows',
    'pipelines/test/laws/plans-say-the-same.test.ts',
  ),
  held(7, 'stream, bounded and SQL give equal rows', 'lakehouse/test/table-plans-equal-operators.test.ts'),
  held(7, 'checkpoints of this release are restored for ever', 'pipelines/test/golden-checkpoints.test.ts'),
  held(7, 'a tutorial that the test run executes', 'pipelines/test/tutorial.test.ts'),
  held(8, 'the story of a mended month, as a tutorial', 'cli/test/a-month-is-mended.test.ts'),
  held(
    8,
    'kills at 200 random moments of reruns: every number of one plan',
    'cli/test/a-rerun-survives-kills.long.test.ts',
  ),
  held(8, 'the same in a cluster', 'cli/test/a-rerun-of-a-cluster.cluster.test.ts'),
  held(8, 'what cannot be done: clear error, nothing changed', 'lakehouse/core/reruns/driver-failures.test.ts'),
  held(8, 'equal rows of stream, bounded and SQL over the real log', 'cli/test/reruns-of-the-log.real.test.ts'),
  held(8, 'equal rows of stream, bounded and SQL over made-up hits', 'cli/test/reruns-of-made-up-hits.long.test.ts'),
  held(9, 'the simulator sees planted bugs', 'infra/sim/planted.test.ts'),
]
