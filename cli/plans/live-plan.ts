/**
 * Which plan the jobs of a pipeline run by, decided when a process of them starts: that of the release it is of, or the
 * one that has been live, where the release's would make other numbers
 * (docs/adr/0025-a-rerun-is-a-generation.md: the base waits).
 */
import { StartError } from '../../core/errors.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { ObjectStore } from '../../core/ports/object-store.ts'
import type { RerunStore } from '../../core/ports/rerun-store.ts'
import { openBundleIn } from '../../pipelines/adapters/plans/open-bundle.ts'
import { releasePlan } from '../../pipelines/adapters/plans/release-plans.ts'
import { diffPlans } from '../../pipelines/plan/diff/diff-plans.ts'
import type { Verdict } from '../../pipelines/plan/diff/finding.ts'
import { type Pipeline, versionOf } from '../../pipelines/plan/draft.ts'
import { parsePlan } from '../../pipelines/plan/node/parse-plan.ts'
import { asBuilt } from '../../pipelines/runtime/plans/as-built.ts'
import { type BaseQuestion, decideBase } from '../../pipelines/runtime/plans/decide-base.ts'
import type { BuiltPlan } from '../../pipelines/runtime/plans/plan-record.ts'
import { createPlanVersions } from '../../pipelines/runtime/plans/plan-versions.ts'
import { createPlanRepository, openPlan, type PlanRepository } from '../../pipelines/runtime/plans/repository.ts'
import type { PlanVersions } from '../../pipelines/runtime/writing.ts'

/** The pipeline of this release as all processes name it, and the plans of others. */
export interface PlanBook {
  readonly release: Pipeline
  /** `versionOf(release)`. */
  readonly version: string
  /** What the build made; undefined where this runs from sources: then nothing is saved, and nothing decided. */
  readonly built: BuiltPlan | undefined
  readonly repository: PlanRepository
  /** For a runner, and for reruns. */
  readonly versions: PlanVersions
}

/**
 * `pipeline`: of this release's modules. `folder`: of plans that were built apart and stand for this release's. `cache`: a
 * folder for files of plans; what lies in it may go at any time.
 * @throws PlanCorruptError, InvalidPlanError where the installation is damaged, PlanFormatError, StartError for `folder`
 */
export async function openPlanBook(options: {
  readonly pipeline: Pipeline
  readonly objects: ObjectStore
  readonly cache: string
  readonly folder?: string
  /** Default: what the build put beside these modules. */
  readonly built?: BuiltPlan | undefined
}): Promise<PlanBook> {
  const { pipeline, objects, cache, folder } = options
  const { name } = pipeline.plan
  const built = 'built' in options ? options.built : await releasePlan(name, folder)
  if (folder !== undefined && built === undefined)
    throw new StartError(
      `HITLAKE_PLANS names ${folder}, which holds no plan of '${name}'; build one there, or leave it unset`,
    )
  const open = openBundleIn(cache)
  const repository = createPlanRepository({ objects, open })
  let release = pipeline
  if (built !== undefined) {
    release = folder === undefined ? asBuilt(pipeline, built) : await openPlan(built, built.bundle, open)
  }
  return {
    release,
    version: versionOf(release),
    built,
    repository,
    versions: createPlanVersions({ release, repository }),
  }
}

/** Keeps this release's plan in the repository, so that its version may be named. Nothing happens where it was not built. */
export async function savePlan(
  { built, repository }: Pick<PlanBook, 'built' | 'repository'>,
  facts: { readonly dataSets: Readonly<Record<string, string>>; readonly clock: Pick<Clock, 'now'> },
): Promise<void> {
  if (built !== undefined) await repository.save(built, { dataSets: facts.dataSets, at: facts.clock.now() })
}

export interface LivePlan {
  /** What the jobs begin by; which tables are written together is said by it too. */
  readonly pipeline: Pipeline
  readonly version: string
  /** One sentence for the log; null where there is nothing to say. */
  readonly says: string | null
}

/**
 * At the start of whatever runs the jobs, before they begin: keeps the release's plan, decides, and records what is
 * decided. The runner then asks the store itself what it writes (`versions`), and again whenever that changes.
 * @throws PlanNotFoundError, PlanCorruptError, PlanFormatError where the live plan has to go on and cannot
 */
export async function openLivePlan(
  book: PlanBook,
  options: {
    readonly store: Pick<RerunStore, 'writing' | 'setBasePlan'>
    readonly policy: BaseQuestion['policy']
    readonly dataSets: Readonly<Record<string, string>>
    readonly clock: Pick<Clock, 'now'>
  },
): Promise<LivePlan> {
  const { store, policy } = options
  const { name } = book.release.plan
  await savePlan(book, options)
  const live = await livePlanOf(store, name)
  if (book.built === undefined) {
    const version = live ?? book.version
    return { pipeline: await book.versions.load(version), version, says: null }
  }
  const diff = live === null || live === book.version ? 'same' : await verdictOf(book, live, policy)
  const decided = decideBase({ live, release: book.version, diff, policy })
  if (decided === 'take over') await store.setBasePlan(name, book.version)
  if (live === null || decided !== 'wait') {
    const says = live === null || decided === 'same' ? null : takesOver(name, live, book.version, diff)
    return { pipeline: book.release, version: book.version, says }
  }
  return { pipeline: await book.versions.load(live), version: live, says: waits(name, live, book.version) }
}

/** Version by which the base generation is written; null: none was recorded, it is the release's. */
export async function livePlanOf(store: Pick<RerunStore, 'writing'>, pipeline: string): Promise<string | null> {
  const { generations } = await store.writing(pipeline)
  return generations[0]?.plan ?? null
}

/** What follows from the release's plan where the live one runs. Data sets are left out: they never wait. */
async function verdictOf(book: PlanBook, live: string, policy: BaseQuestion['policy']): Promise<Verdict | null> {
  const { plan, code } = book.release
  try {
    const record = await book.repository.record(plan.name, live)
    const from = { plan: parsePlan(record.text), code: record.code }
    return diffPlans(from, { plan, ...(code !== undefined && { code }) }).verdict
  } catch (error) {
    // Whoever has every release take over is not kept from it by a plan that is lost; all others must look.
    if (policy === 'adopt') return null
    throw error
  }
}

function waits(name: string, live: string, release: string): string {
  return `plan ${release} of '${name}', this release's, waits: it would make other numbers than ${live}, which goes on; \`hitlake diff ${name}\` says which, \`hitlake rerun ${name}\` brings it in for past and present, \`hitlake adopt ${name}\` for the present alone`
}

function takesOver(name: string, live: string, release: string, diff: Verdict | null): string {
  const why =
    diff === 'same' || diff === 'redeploy'
      ? 'what is there is right, and goes on'
      : 'HITLAKE_PLAN_CHANGES is adopt; rows of the past stay as they were made'
  return `plan ${release} of '${name}' took over from ${live}: ${why}`
}
