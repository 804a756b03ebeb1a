/**
 * The executor of reruns: what is read, how it is cut, how each sink is made, and splits run by whoever runs them (in this
 * thread, or in others). It changes nothing that is committed: a split's files count when the control store says so.
 */
import type { ControlStore } from '../../../core/ports/control-store.ts'
import type { RerunLake } from '../../../core/ports/rerun-lake.ts'
import type { RerunRequest } from '../../../core/ports/rerun-store.ts'
import type { RerunExecutor } from '../../../core/ports/rerun-work.ts'
import type { Pipeline } from '../../plan/draft.ts'
import type { SideInputs } from '../side-inputs.ts'
import type { PlanVersions } from '../writing.ts'
import { AnsweringRows, answeringHits } from './answering.ts'
import { failedPlaces } from './failed-places.ts'
import { type MethodQuestion, rerunMethods, rerunRefusal } from './methods.ts'
import type { SplitRunner } from './split-runner.ts'
import { splitsOfRows } from './splits.ts'

export interface RerunExecutorOptions {
  /** The plan of this release: of generations that are written by none in particular, and the name of the pipeline. */
  readonly release: Pipeline
  readonly versions: PlanVersions
  readonly store: Pick<ControlStore, 'versionsSince' | 'writing' | 'reruns' | 'tableView'>
  readonly lake: RerunLake
  /** Names of what steps may use; nothing is asked of it. */
  readonly inputs: Pick<SideInputs, 'context'>
  readonly runner: SplitRunner
}

type MethodRequest = Pick<RerunRequest, 'pipeline' | 'plan' | 'sinks' | 'via'>

export function createRerunExecutor(options: RerunExecutorOptions): RerunExecutor {
  const { release, versions, store, lake, inputs, runner } = options
  const name = release.plan.name

  async function questionOf(request: MethodRequest): Promise<MethodQuestion> {
    return {
      request,
      pipeline: await versions.load(request.plan),
      answering: await answeringPlans(options, request.pipeline),
      context: inputs.context,
      lake: lake.sql === null ? 'computes none' : 'computes hours',
    }
  }

  return {
    async splits(phase, rows, places) {
      const { generations } = new AnsweringRows(await answeringHits(store))
      return splitsOfRows(phase, rows, places, (of) => lake.days(of, generations))
    },
    async refusal(request) {
      if (request.pipeline !== name) return `only '${name}' can be rerun, for its hits are what was accepted`
      return rerunRefusal(await questionOf(request))
    },
    methods: async (request) => rerunMethods(await questionOf(request)),
    run: async (work, { signal }) => {
      const answers = await answeringHits(store)
      return runner.run(work, answers, { signal })
    },
    failedPlaces: async (question) => failedPlaces({ lake, store, answers: await answeringHits(store) }, question),
  }
}

/** Of the generations that answer for `hits` somewhere. */
async function answeringPlans(
  { release, versions, store }: RerunExecutorOptions,
  pipeline: string,
): Promise<readonly (Pipeline | null)[]> {
  const { base, entries } = await answeringHits(store)
  const { generations } = await store.writing(pipeline)
  const asked = new Set([base, ...entries.map(({ generation }) => generation)])
  return Promise.all(
    [...asked].map(async (generation) => {
      const written = generations.find((each) => each.generation === generation)
      if (written === undefined) return null
      return written.plan === null ? release : versions.load(written.plan)
    }),
  )
}
