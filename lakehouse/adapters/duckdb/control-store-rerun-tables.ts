/** Rows of reruns in DuckDB: records, what pipelines write, and the generation map. */
import { StaleWritingError } from '../../../core/errors.ts'
import type { GenerationSink } from '../../../core/generations.ts'
import type { MerchantId } from '../../../core/ids.ts'
import type { KeptRerun } from '../../../core/ports/cluster-store.ts'
import type { EpochCommit } from '../../../core/ports/control-store.ts'
import { endedRerunStates, type GenerationChange, type Rerun, type Writing } from '../../../core/ports/rerun-store.ts'
import { generationChanges } from '../../core/control/generation-changes.ts'
import { firstWriting } from '../../core/control/rerun-moves.ts'
import type { Session, SqlRow } from './control-store-session.ts'

/** A condition on rows of `reruns`. */
export const isOpenRow = `state NOT IN (${endedRerunStates.map((state) => `'${state}'`).join(', ')})`

/** Inside a read or write. `which`: what follows the table in a query. */
export async function keptReruns(session: Session, which: string, values: SqlRow = []): Promise<readonly KeptRerun[]> {
  const rows = await session.rows(`SELECT record, notes, answer FROM reruns ${which}`, values)
  return rows.map(([record, notes, answer]) => ({
    rerun: { ...JSON.parse(record as string), notes: JSON.parse(notes as string) } as Rerun,
    answer: answer === null ? null : JSON.parse(answer as string),
  }))
}

/** Of those that were ever promoted; their notes are left out. */
export async function answeredReruns(session: Session): Promise<readonly KeptRerun[]> {
  const rows = await session.rows('SELECT record, answer FROM reruns WHERE answer IS NOT NULL ORDER BY id')
  return rows.map(([record, answer]) => ({
    rerun: { ...JSON.parse(record as string), notes: {} } as Rerun,
    answer: JSON.parse(answer as string),
  }))
}

/** Inside a write. */
export async function putRerun(writer: Session, { rerun, answer }: KeptRerun): Promise<void> {
  const { notes, ...record } = rerun
  await writer.run('DELETE FROM reruns WHERE id = $1', [rerun.id])
  await writer.run('INSERT INTO reruns VALUES ($1, $2, $3, $4, $5, $6, $7)', [
    rerun.id,
    rerun.request.pipeline,
    rerun.state,
    rerun.revision,
    JSON.stringify(record),
    JSON.stringify(notes),
    answer && JSON.stringify(answer),
  ])
}

/** Inside a write: the map as the reruns have it now. */
export async function putChanges(writer: Session): Promise<void> {
  const changes = generationChanges(await answeredReruns(writer))
  await writer.run('DELETE FROM generation_changes')
  await writer.append('generation_changes', [
    { whole: changes.map(({ rerun }) => rerun) },
    { text: changes.map(({ sink }) => sink) },
    { whole: changes.map(({ generation }) => generation) },
    { text: changes.map(({ merchant }) => merchant) },
    { whole: changes.map(({ from }) => from) },
    { whole: changes.map(({ to }) => to) },
    { whole: changes.map(({ answers }) => (answers ? 1 : 0)) },
    { whole: changes.map(({ order }) => order) },
    { whole: changes.map(({ version }) => version) },
    { whole: changes.map(({ zonesAsOf = null }) => zonesAsOf) },
  ])
}

/** Inside a read or write. Of one sink and merchant where given. */
export async function changesOf(
  session: Session,
  of?: { readonly sink: GenerationSink; readonly merchant: MerchantId },
): Promise<readonly GenerationChange[]> {
  const rows = await session.rows(
    `SELECT rerun, sink, generation, merchant, starts, ends, answers, place, version, zones_as_of
     FROM generation_changes
     WHERE $1 IS NULL OR sink = $1 AND (merchant IS NULL OR merchant = $2)`,
    [of?.sink ?? null, of?.merchant ?? null],
  )
  return rows.map(([rerun, sink, generation, merchant, starts, ends, answers, place, version, zonesAsOf]) => ({
    rerun: Number(rerun),
    sink: sink as GenerationSink,
    generation: Number(generation),
    merchant: merchant as MerchantId | null,
    from: starts === null ? null : Number(starts),
    to: ends === null ? null : Number(ends),
    answers: Number(answers) === 1,
    order: Number(place),
    version: Number(version),
    ...(zonesAsOf !== null && { zonesAsOf: Number(zonesAsOf) }),
  }))
}

/** Inside a read or write. */
export async function writingOf(session: Session, pipeline: string): Promise<Writing> {
  const [row] = await session.rows('SELECT revision, generations FROM writing WHERE pipeline = $1', [pipeline])
  return row === undefined
    ? firstWriting
    : { revision: Number(row[0]), generations: JSON.parse(row[1] as string) as Writing['generations'] }
}

/** Inside a write. */
export async function putWriting(writer: Session, pipeline: string, { revision, generations }: Writing): Promise<void> {
  await writer.run('DELETE FROM writing WHERE pipeline = $1', [pipeline])
  await writer.run('INSERT INTO writing VALUES ($1, $2, $3)', [pipeline, revision, JSON.stringify(generations)])
}

/**
 * Inside a write.
 * @throws StaleWritingError where another generation is to be written by now, or one no more
 */
export async function requireWriting(writer: Session, writing: EpochCommit['writing']): Promise<void> {
  if (writing === undefined) return
  const [row] = await writer.rows('SELECT revision FROM writing WHERE pipeline = $1', [writing.pipeline])
  if (Number(row?.[0] ?? firstWriting.revision) === writing.revision) return
  throw new StaleWritingError(writing.pipeline, writing.revision)
}
