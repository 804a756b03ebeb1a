/**
 * Jobs, the epoch commit and what it changes: positions, staged files, versions, books. One transaction an epoch; the
 * rows that grow with its size (files, versions, books) go in as column chunks.
 */
import { StaleEpochError } from '../../../core/errors.ts'
import type { MerchantId } from '../../../core/ids.ts'
import type { ControlStore, EpochCommit } from '../../../core/ports/control-store.ts'
import { booksEntries, distinctTouched } from '../../core/control/epoch-rows.ts'
import { requireEpochKnows } from '../../core/control/erasures.ts'
import { checkEpoch, checkPartitions } from '../../core/control/rules.ts'
import type { BooksLedger } from './control-store-books.ts'
import { fencedAfter, recordDroppedDays } from './control-store-erasures.ts'
import { recordFiles } from './control-store-lake-tables.ts'
import { currentPositions, positionColumns, toPosition } from './control-store-positions.ts'
import { changesOf, requireWriting } from './control-store-rerun-tables.ts'
import type { Session } from './control-store-session.ts'
import type { Versions } from './control-store-versions.ts'

type Epochs = Pick<ControlStore, 'acquirePartitions' | 'commitEpoch' | 'versionsSince'>

export function epochs(writer: Session, reader: Session, books: BooksLedger, versions: Versions): Epochs {
  /** Inside a write. What a commit starts from, where job and source are those of whoever asks. */
  async function startOf(commit: EpochCommit): Promise<{
    readonly plan: string | null
    readonly lastCommit: number
    readonly versionsFloor: number
    readonly lastFile: number
  }> {
    const [row] = await writer.rows(
      `SELECT j.source, j.plan, c.last_commit, c.versions_floor, c.last_file
       FROM counters c LEFT JOIN jobs j ON j.job = $1`,
      [commit.job],
    )
    const [source, plan, lastCommit, versionsFloor, lastFile] = row ?? []
    if (source !== commit.source) throw new StaleEpochError(`job ${commit.job} reads ${source}, not ${commit.source}`)
    return {
      plan: plan as string | null,
      lastCommit: Number(lastCommit),
      versionsFloor: Number(versionsFloor),
      lastFile: Number(lastFile),
    }
  }

  /** Inside a write. Returns the partitions that have a position. */
  async function checkPositions(commit: EpochCommit): Promise<ReadonlySet<number>> {
    const known = await writer.rows(
      `SELECT s.part, s.fence, p.next FROM stamps s
       LEFT JOIN positions p ON p.job = s.job AND p.source = s.source AND p.part = s.part
       WHERE s.job = $1 AND s.source = $2`,
      [commit.job, commit.source],
    )
    const stamped = new Map(known.map(([partition, fence, next]) => [Number(partition), { fence, next }]))
    for (const { partition, from } of commit.partitions) {
      const { fence = 0, next = null } = stamped.get(partition) ?? {}
      if (Number(fence) !== commit.fence) {
        throw new StaleEpochError(`partition ${partition} of ${commit.job} has fence ${fence}, not ${commit.fence}`)
      }
      const at = Number(next ?? 0)
      if (at !== from) throw new StaleEpochError(`partition ${partition} of ${commit.job} is at ${at}, not ${from}`)
    }
    return new Set([...stamped].filter(([, { next }]) => next !== null).map(([partition]) => partition))
  }

  /** Inside a write. */
  async function movePositions(commit: EpochCommit, known: ReadonlySet<number>): Promise<void> {
    for (const { partition, next, checkpoint, watermark, received, forwarded } of commit.partitions) {
      const values = [commit.job, commit.source, partition, next, checkpoint, watermark, received]
      await writer.run(
        known.has(partition)
          ? `UPDATE positions SET next = $4, checkpoint = $5, watermark = $6, received = $7, forwarded = $8
             WHERE job = $1 AND source = $2 AND part = $3`
          : 'INSERT INTO positions VALUES ($1, $2, $3, $4, $5, $6, $7, $8)',
        [...values, JSON.stringify(forwarded)],
      )
    }
  }

  return {
    async acquirePartitions(job, source, owner, partitions) {
      checkPartitions(job, partitions)
      return writer.write(async () => {
        const [known] = await writer.rows('SELECT fence FROM jobs WHERE job = $1', [job])
        const fence = Number(known?.[0] ?? 0) + 1
        await writer.run(
          known === undefined
            ? 'INSERT INTO jobs VALUES ($1, $2, $3, $4, NULL)'
            : 'UPDATE jobs SET fence = $2, owner = $3, source = $4 WHERE job = $1',
          [job, fence, owner, source],
        )
        const taken = `job = $1 AND source = $2 AND part IN (SELECT unnest(from_json($3, '["BIGINT"]')))`
        const names = [job, source, JSON.stringify(partitions)]
        await writer.run(`DELETE FROM stamps WHERE ${taken}`, names)
        await writer.append('stamps', [
          { text: partitions.map(() => job) },
          { text: partitions.map(() => source) },
          { whole: partitions },
          { whole: partitions.map(() => fence) },
        ])
        const rows = await writer.rows(
          `SELECT ${positionColumns} FROM positions p WHERE ${taken} ORDER BY p.part`,
          names,
        )
        return { fence, positions: rows.map(toPosition) }
      })
    },

    async commitEpoch(commit) {
      checkEpoch(commit)
      const touched = distinctTouched(commit.touched)
      const entries = booksEntries(commit.books)
      return writer.write(async () => {
        const start = await startOf(commit)
        const known = await checkPositions(commit)
        await requireWriting(writer, commit.writing)
        requireEpochKnows(commit, await fencedAfter(writer, commit.erasuresKnown))
        const version = start.lastCommit + 1
        await movePositions(commit, known)
        if (start.plan !== commit.plan) {
          await writer.run('UPDATE jobs SET plan = $2 WHERE job = $1', [commit.job, commit.plan])
        }
        const lastFile = await recordFiles(writer, commit.staged, start.lastFile, version)
        const floor = await versions.record(version, touched, start.versionsFloor)
        await books.append(entries)
        await recordDroppedDays(writer, version, commit)
        await writer.run('UPDATE counters SET last_commit = $1, versions_floor = $2, last_file = $3', [
          version,
          floor,
          lastFile,
        ])
        return { commit: version }
      })
    },

    async versionsSince(since) {
      return reader.read(async () => {
        const [counters] = await reader.rows('SELECT last_commit, versions_floor FROM counters')
        const commit = Number(counters?.[0])
        const reset = since < Number(counters?.[1]) || since > commit
        const rows =
          reset || since === commit
            ? []
            : await reader.rows(
                'SELECT merchant, day, max(version) FROM versions WHERE version > $1 GROUP BY merchant, day',
                [since],
              )
        const changes = rows.map(([merchant, day, version]) => ({
          merchant: merchant as MerchantId,
          day: Number(day),
          version: Number(version),
        }))
        const positions = await currentPositions(reader)
        return { commit, changes, reset, positions, generations: await changesOf(reader) }
      })
    },
  }
}
