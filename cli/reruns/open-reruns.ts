/** Reruns of the pipeline `hits` in one process: what plans them and what drives them, over the ports of either mode. */
import type { GenerationSink } from '../../core/generations.ts'
import type { Clock, Random, Timers } from '../../core/ports/clock.ts'
import type { ControlStore } from '../../core/ports/control-store.ts'
import type { RerunLake } from '../../core/ports/rerun-lake.ts'
import type { RerunPlanner } from '../../core/ports/rerun-service.ts'
import type { GenerationComparer } from '../../core/ports/rerun-work.ts'
import { createRerunDriver, type RerunDriver } from '../../lakehouse/core/reruns/driver.ts'
import type { RerunDriverOptions } from '../../lakehouse/core/reruns/driver-options.ts'
import { createRerunPlanner } from '../../lakehouse/core/reruns/planner.ts'
import { jobsOf } from '../../pipelines/runtime/plan-jobs.ts'
import { createRerunExecutor } from '../../pipelines/runtime/rerun/executor.ts'
import type { SplitRunner } from '../../pipelines/runtime/rerun/split-runner.ts'
import type { SideInputs } from '../../pipelines/runtime/side-inputs.ts'
import type { PlanBook } from '../plans/live-plan.ts'
import { releasePlans } from './release-plans.ts'

export interface RerunParts
  extends Pick<
    RerunDriverOptions,
    'onError' | 'onMoved' | 'onReminder' | 'onSplit' | 'onTrouble' | 'parallel' | 'publishSoon'
  > {
  readonly book: PlanBook
  readonly store: ControlStore
  /** What the driver asks of it: snapshots, and files that reruns staged. */
  readonly lake: RerunDriverOptions['lake']
  readonly rows: RerunLake
  readonly runner: SplitRunner
  readonly comparer: GenerationComparer
  readonly inputs: SideInputs
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly owner: string
  /** Embedded, all sinks are one job's; in a cluster each is one of a job of its own. */
  readonly jobs: 'one job' | 'jobs of the plan'
}

export interface Reruns {
  readonly driver: RerunDriver
  readonly planner: RerunPlanner
}

export function openReruns(parts: RerunParts): Reruns {
  const { book, store, lake, rows, runner, inputs, comparer, clock, timers, random, owner } = parts
  const { release, versions } = book
  const executor = createRerunExecutor({ release, versions, store, lake: rows, inputs, runner })
  return {
    planner: createRerunPlanner({ store, lake, executor, clock, plans: releasePlans(book, store) }),
    driver: createRerunDriver({
      ...parts,
      store,
      lake,
      executor,
      comparer,
      clock,
      timers,
      random,
      owner,
      jobs: jobsBySink(parts),
    }),
  }
}

function jobsBySink({ jobs, book }: Pick<RerunParts, 'jobs' | 'book'>): Readonly<Record<GenerationSink, string>> {
  const { release } = book
  const jobOf = (sink: GenerationSink) => {
    if (jobs === 'one job') return release.plan.name
    const found = jobsOf(release).find(({ tables }) => tables.includes(sink))
    if (found === undefined) throw new RangeError(`no job of '${release.plan.name}' writes ${sink}`)
    return found.job
  }
  return { hits: jobOf('hits'), hourly: jobOf('hourly') }
}
