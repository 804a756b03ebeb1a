/** What a recovery puts into PostgreSQL of reruns. */
import type { ClusterStore } from '../../../core/ports/cluster-store.ts'
import { requireSplitKnows } from '../../core/control/erasures.ts'
import { checkSplit } from '../../core/control/reruns.ts'
import type { Chores } from './control-store-chores.ts'
import { fencedAfter } from './control-store-erasures.ts'
import {
  claimSplit,
  keptReruns,
  lockReruns,
  lockWriting,
  putChanges,
  putRerun,
  putWriting,
  recordSplit,
} from './control-store-rerun-tables.ts'
import { lockCommits } from './control-store-reruns.ts'
import type { Versions } from './control-store-versions.ts'
import type { Database } from './database.ts'

type Restores = Pick<ClusterStore, 'keptRerun' | 'restoreRerun' | 'restoreWriting' | 'restoreSplit' | 'skipCommit'>

export function rerunRestores(database: Database, versions: Versions, chores: Chores): Restores {
  return {
    async keptRerun(id) {
      const [kept] = await database.read((sql) => keptReruns(sql, 'WHERE id = $1', [id]))
      return kept
    },
    async restoreRerun(kept) {
      const { id, revision } = kept.rerun
      await database.write(async (sql) => {
        await lockReruns(sql)
        const [known] = await keptReruns(sql, 'WHERE id = $1 FOR UPDATE', [id])
        if (known !== undefined && known.rerun.revision >= revision) return
        const version = (await lockCommits(sql)) + 1
        await sql.run('UPDATE counters SET last_commit = $1', [version])
        await putRerun(sql, { ...kept, answer: kept.answer && { ...kept.answer, version } })
        if (kept.answer !== null) await putChanges(sql)
      })
    },
    async restoreWriting(pipeline, writing) {
      await database.write(async (sql) => {
        const before = await lockWriting(sql, pipeline)
        if (before.revision >= writing.revision) return
        await putWriting(sql, pipeline, writing)
        await sql.run('UPDATE counters SET last_commit = last_commit + 1')
      })
    },
    async restoreSplit(commit) {
      checkSplit(commit)
      const outcome = await database.write(async (sql): Promise<'committed' | 'already'> => {
        if (!(await claimSplit(sql, commit))) return 'already'
        const [kept] = await keptReruns(sql, 'WHERE id = $1', [commit.rerun])
        const later = await fencedAfter(sql, commit.erasuresKnown)
        requireSplitKnows(commit, kept?.rerun.request.places ?? [], later)
        await recordSplit(sql, versions, commit)
        return 'committed'
      })
      chores.due(commit.days.length)
      return outcome
    },
    async skipCommit() {
      return database.write(async (sql) => {
        const commit = (await lockCommits(sql)) + 1
        await sql.run('UPDATE counters SET last_commit = $1', [commit])
        return commit
      })
    },
  }
}
