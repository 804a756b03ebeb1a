/** What the memory control store knows of a cluster's logs and collectors. */
import type { ClusterStore, LogProgress } from '../../../core/ports/cluster-store.ts'
import { byCodeUnit } from './memory-control-directory.ts'
import { type ControlState, inOrder, jobsByName } from './memory-control-state.ts'

export function memoryProgress(
  current: () => ControlState,
): Pick<ClusterStore, 'logProgress' | 'reportCollector' | 'collectors' | 'lowestFence'> {
  return {
    async logProgress(log) {
      return jobsByName(current()).flatMap(([job, { source, positions, published }]) =>
        inOrder(positions.get(source)).flatMap(({ partition, forwarded }): readonly LogProgress[] => {
          const committed = forwarded[log]
          if (committed === undefined) return []
          return [{ job, partition, committed, published: published.get(source)?.get(partition)?.[log] ?? 0 }]
        }),
      )
    },
    async reportCollector(report) {
      const { collectors } = current()
      const before = collectors.get(report.log)?.visibleThrough ?? report.visibleThrough
      collectors.set(report.log, { ...report, visibleThrough: Math.max(before, report.visibleThrough) })
    },
    async collectors() {
      return [...current().collectors.values()].sort((a, b) => byCodeUnit(a.log, b.log))
    },
    async lowestFence(job) {
      const fences = [...(current().jobs.get(job)?.stamps.values() ?? [])].flatMap((stamps) => [...stamps.values()])
      return fences.length === 0 ? undefined : Math.min(...fences)
    },
  }
}

/** What the job has committed before its oldest unpublished file is published now, and its commits are forgotten. */
export function advancePublished(state: ControlState, job: string): void {
  const { published } = state.jobs.get(job) ?? {}
  for (const [commit, epoch] of state.epochs) {
    if (epoch.job !== job) continue
    if (epoch.files.size > 0) return
    const places = new Map(published?.get(epoch.source))
    for (const { partition, forwarded } of epoch.moved) places.set(partition, forwarded)
    published?.set(epoch.source, places)
    state.epochs.delete(commit)
  }
}
