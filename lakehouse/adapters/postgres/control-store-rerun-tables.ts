/** Rows of reruns in PostgreSQL: records, what pipelines write, and the generation map. */
import { StaleWritingError } from '../../../core/errors.ts'
import type { GenerationPlace } from '../../../core/generations.ts'
import type { KeptRerun, RerunAnswer } from '../../../core/ports/cluster-store.ts'
import type { EpochCommit } from '../../../core/ports/control-store.ts'
import type { StagedFile } from '../../../core/ports/lake.ts'
import {
  endedRerunStates,
  type GenerationChange,
  type Rerun,
  type SplitCommit,
  type Writing,
} from '../../../core/ports/rerun-store.ts'
import { distinctTouched } from '../../core/control/epoch-rows.ts'
import { generationChanges } from '../../core/control/generation-changes.ts'
import { firstWriting } from '../../core/control/rerun-moves.ts'
import { recordFiles } from './control-store-publications.ts'
import type { Versions } from './control-store-versions.ts'
import type { Sql, SqlValue } from './database.ts'

/** A condition on rows of `reruns`. */
export const isOpenRow = `state NOT IN (${endedRerunStates.map((state) => `'${state}'`).join(', ')})`

interface RerunRow {
  readonly record: string
  readonly notes: string
  readonly answer: string | null
}

/** From here on nobody else makes or moves a rerun. It is rare. */
export async function lockReruns(sql: Sql): Promise<void> {
  await sql.run('LOCK TABLE reruns IN SHARE ROW EXCLUSIVE MODE')
}

/** `which`: what follows the table in a query. */
export async function keptReruns(
  sql: Sql,
  which: string,
  values: readonly SqlValue[] = [],
): Promise<readonly KeptRerun[]> {
  return (await sql.rows<RerunRow>(`SELECT record, notes, answer FROM reruns ${which}`, values)).map(toKept)
}

/** Those that were ever promoted; their notes are left out. */
export async function answeredReruns(sql: Sql): Promise<readonly KeptRerun[]> {
  const query = `SELECT record, '{}' AS notes, answer FROM reruns WHERE answer IS NOT NULL ORDER BY id`
  return (await sql.rows<RerunRow>(query)).map(toKept)
}

function toKept({ record, notes, answer }: RerunRow): KeptRerun {
  return {
    rerun: { ...JSON.parse(record), notes: JSON.parse(notes) } as Rerun,
    answer: answer === null ? null : (JSON.parse(answer) as RerunAnswer),
  }
}

/** Of a rerun's record; none where it is not there. */
export function placesOf(record: string | undefined): readonly GenerationPlace[] {
  return record === undefined ? [] : (JSON.parse(record) as Rerun).request.places
}

export async function putRerun(sql: Sql, { rerun, answer }: KeptRerun): Promise<void> {
  const { notes, ...record } = rerun
  await sql.run(
    `INSERT INTO reruns VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (id) DO UPDATE SET state = excluded.state, record = excluded.record, notes = excluded.notes,
       answer = excluded.answer`,
    [rerun.id, rerun.state, JSON.stringify(record), JSON.stringify(notes), answer && JSON.stringify(answer)],
  )
}

/** The map as the reruns have it now. */
export async function putChanges(sql: Sql): Promise<void> {
  const changes = generationChanges(await answeredReruns(sql))
  await sql.run('DELETE FROM generation_changes')
  await sql.run(
    `INSERT INTO generation_changes SELECT * FROM unnest($1::int8[], $2::text[], $3::int8[], $4::text[], $5::int8[],
       $6::int8[], $7::bool[], $8::int8[], $9::int8[], $10::int8[])`,
    [
      changes.map(({ rerun }) => rerun),
      changes.map(({ sink }) => sink),
      changes.map(({ generation }) => generation),
      changes.map(({ merchant }) => merchant),
      changes.map(({ from }) => from),
      changes.map(({ to }) => to),
      changes.map(({ answers }) => String(answers)),
      changes.map(({ order }) => order),
      changes.map(({ version }) => version),
      changes.map(({ zonesAsOf = null }) => zonesAsOf),
    ],
  )
}

export async function changesOf(sql: Sql): Promise<readonly GenerationChange[]> {
  const rows = await sql.rows<Omit<GenerationChange, 'zonesAsOf'> & { readonly zonesAsOf: number | null }>(
    `SELECT rerun, sink, generation, merchant, starts AS "from", ends AS "to", answers, place AS "order", version,
       zones_as_of AS "zonesAsOf"
     FROM generation_changes`,
  )
  return rows.map(({ zonesAsOf, ...change }) => ({ ...change, ...(zonesAsOf !== null && { zonesAsOf }) }))
}

interface WritingRow {
  readonly revision: number
  readonly generations: string
}

export async function writingOf(sql: Sql, pipeline: string): Promise<Writing> {
  const [row] = await sql.rows<WritingRow>('SELECT revision, generations FROM writing WHERE pipeline = $1', [pipeline])
  return row === undefined ? firstWriting : toWriting(row)
}

/**
 * Held by epochs, shared, and by whoever changes what is written. Not the row: one that others go on sharing is never free,
 * whereas these are given in the order in which they were asked for.
 */
const writingLock = `hashtextextended('hitlake writing ' || current_schema() || ' ' || $1, 0)`

/** Once no epoch of the pipeline is under way, nor begins until the transaction ends. */
export async function lockWriting(sql: Sql, pipeline: string): Promise<Writing> {
  await sql.run(`SELECT pg_advisory_xact_lock(${writingLock})`, [pipeline])
  return writingOf(sql, pipeline)
}

/**
 * What is written does not change from here until the transaction ends.
 * @throws StaleWritingError where another generation is to be written by now, or one no more
 */
export async function requireWriting(sql: Sql, writing: EpochCommit['writing']): Promise<void> {
  if (writing === undefined) return
  const { pipeline, revision } = writing
  await sql.run(`SELECT pg_advisory_xact_lock_shared(${writingLock})`, [pipeline])
  const [row] = await sql.rows<{ revision: number }>('SELECT revision FROM writing WHERE pipeline = $1', [pipeline])
  if ((row?.revision ?? firstWriting.revision) !== revision) throw new StaleWritingError(pipeline, revision)
}

/** Under its lock. */
export async function putWriting(sql: Sql, pipeline: string, { revision, generations }: Writing): Promise<void> {
  await sql.run(
    `INSERT INTO writing VALUES ($1, $2, $3)
     ON CONFLICT (pipeline) DO UPDATE SET revision = excluded.revision, generations = excluded.generations`,
    [pipeline, revision, JSON.stringify(generations)],
  )
}

function toWriting({ revision, generations }: WritingRow): Writing {
  return { revision, generations: JSON.parse(generations) as Writing['generations'] }
}

/** False where the split counted before. A call that comes at the same time with the same waits for the first. */
export async function claimSplit(sql: Sql, { rerun, split }: SplitCommit): Promise<boolean> {
  const added = await sql.run('INSERT INTO rerun_splits VALUES ($1, $2) ON CONFLICT DO NOTHING', [rerun, split])
  return added > 0
}

/** A split that was claimed; its files are committed, and no version rises. @throws RangeError where one is committed already */
export async function recordSplit(sql: Sql, versions: Versions, commit: SplitCommit): Promise<void> {
  const { rerun, staged } = commit
  const days = distinctTouched(commit.days)
  await sql.run(
    `INSERT INTO rerun_days SELECT $1::int8, * FROM unnest($2::text[], $3::int8[]) AS u (merchant, day)
     ORDER BY merchant, day ON CONFLICT DO NOTHING`,
    [rerun, days.map(({ merchant }) => merchant), days.map(({ day }) => day)],
  )
  const [drawn] = await sql.rows<{ epoch: number }>(`SELECT nextval('epoch_numbers') AS epoch`)
  const epoch = drawn?.epoch ?? 0
  await recordFiles(sql, epoch, staged as readonly StagedFile[])
  const number = await versions.commit(sql, epoch, 0, staged.length)
  // Of no job: nobody waits for what it has published.
  if (staged.length > 0) await sql.run('INSERT INTO epochs VALUES ($1, $2, $3, 0)', [epoch, `rerun ${rerun}`, number])
}
