/**
 * Plans of this release and of earlier ones, in the object store: `plans/<pipeline>/<version>.json` says what a plan is,
 * and names its file beside it by the hash of its bytes. Nothing in here is ever changed or removed. A plan is saved before
 * it is named anywhere, so whoever is told a version finds it.
 */
import { createHash } from 'node:crypto'
import { PlanCorruptError, PlanFormatError, PlanNotFoundError } from '../../../core/errors.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import { type Pipeline, pipelineFormat } from '../../plan/draft.ts'
import { parsePlan } from '../../plan/node/parse-plan.ts'
import type { Plan } from '../../plan/node/step.ts'
import { fitToRelease } from './fit-to-release.ts'
import { type BuiltPlan, decodeRecord, encodeRecord, type PlanRecord } from './plan-record.ts'

/** What a file exports, by name. `sha256` is that of its bytes: the same file is asked for again by the same name. */
export type OpenBundle = (bytes: Uint8Array, sha256: string) => Promise<Readonly<Record<string, unknown>>>

export interface LoadedPlan {
  readonly record: PlanRecord
  /** Ready for a runner of this release. */
  readonly pipeline: Pipeline
}

export interface PlanRepository {
  /**
   * Keeps the plan; nothing happens where it is kept already, but what is damaged of it is made good.
   * @throws PlanCorruptError where `plan` contradicts itself
   */
  save(plan: BuiltPlan, facts: Pick<PlanRecord, 'dataSets' | 'at'>): Promise<void>
  /** What a plan is, without running its file. @throws PlanNotFoundError, PlanCorruptError */
  record(pipeline: string, version: string): Promise<PlanRecord>
  /** @throws PlanNotFoundError, PlanCorruptError, PlanFormatError */
  load(pipeline: string, version: string): Promise<LoadedPlan>
  /** Versions that are kept, in no order that means anything. */
  list(pipeline: string): Promise<readonly string[]>
}

export function createPlanRepository(options: {
  readonly objects: Pick<ObjectStore, 'get' | 'put' | 'putIfAbsent' | 'list'>
  readonly open: OpenBundle
}): PlanRepository {
  const { objects, open } = options

  async function record(pipeline: string, version: string): Promise<PlanRecord> {
    const name = recordName(pipeline, version)
    const bytes = await objects.get(name)
    if (bytes === undefined) throw new PlanNotFoundError(pipeline, version)
    const found = decodeRecord(name, bytes)
    if (found.pipeline === pipeline && found.version === version) return found
    throw new PlanCorruptError(name, `is the record of plan ${found.version} of '${found.pipeline}'`)
  }

  return {
    record,

    async save(plan, facts) {
      const { bundle, ...rest } = plan
      const saved: PlanRecord = { ...rest, ...facts }
      const [name, file] = [recordName(plan.pipeline, plan.version), fileName(saved)]
      if (sha256Of(bundle) !== plan.sha256) throw new PlanCorruptError(file, 'is not the file that was built')
      const bytes = encodeRecord(saved)
      decodeRecord(name, bytes)
      const kept = await objects.get(file)
      if (kept === undefined || sha256Of(kept) !== plan.sha256) await objects.put(file, bundle)
      if (await objects.putIfAbsent(name, bytes)) return
      // Another release may have the same version in other bytes: the first that was kept stays.
      await record(plan.pipeline, plan.version).catch(async (error: unknown) => {
        if (!(error instanceof PlanCorruptError)) throw error
        await objects.put(name, bytes)
      })
    },

    async load(pipeline, version) {
      const found = await record(pipeline, version)
      const file = fileName(found)
      const bytes = await objects.get(file)
      if (bytes === undefined) throw new PlanCorruptError(file, 'is missing')
      if (sha256Of(bytes) !== found.sha256) throw new PlanCorruptError(file, 'has other bytes than were saved')
      return { record: found, pipeline: await openPlan(found, bytes, open) }
    },

    async list(pipeline) {
      const folder = `${plansFolder}/${pipeline}/`
      const names = await objects.list(folder)
      return names.filter((name) => name.endsWith('.json')).map((name) => name.slice(folder.length, -'.json'.length))
    },
  }
}

/** The pipeline of a plan's file, ready for a runner of this release. @throws PlanFormatError */
export async function openPlan(
  plan: Omit<BuiltPlan, 'bundle'>,
  bundle: Uint8Array,
  open: OpenBundle,
): Promise<Pipeline> {
  const { pipeline, version, format } = plan
  const refuse = (what: string, cause?: unknown) => new PlanFormatError(pipeline, version, what, { cause })
  // Before its code runs: what it does when it loads may be of another form too.
  if (format !== pipelineFormat) throw refuse(`it is of form ${format}, this release runs form ${pipelineFormat}`)
  const parsed = planOf(plan, refuse)
  const exported = await open(bundle, plan.sha256).catch((cause: unknown) => {
    throw refuse(`its file does not load: ${cause instanceof Error ? cause.message : String(cause)}`, cause)
  })
  const { pipeline: built } = exported
  if (exported.pipelineFormat !== format || !isPipeline(built) || built.plan.name !== pipeline) {
    throw refuse('its file does not hold the pipeline')
  }
  return fitToRelease({ built, plan: parsed, record: plan })
}

/** In the object store. */
export const plansFolder = 'plans'

function recordName(pipeline: string, version: string): string {
  return `${plansFolder}/${pipeline}/${version}.json`
}

/** Named by its bytes: two releases may build the same version in other bytes, and neither may spoil the other's record. */
function fileName({ pipeline, version, sha256 }: Pick<PlanRecord, 'pipeline' | 'version' | 'sha256'>): string {
  return `${plansFolder}/${pipeline}/${version}.${sha256.slice(0, 16)}.mjs`
}

function planOf({ text }: Pick<PlanRecord, 'text'>, refuse: (what: string, cause: unknown) => PlanFormatError): Plan {
  try {
    return parsePlan(text)
  } catch (cause) {
    throw refuse(cause instanceof Error ? cause.message : String(cause), cause)
  }
}

function isPipeline(value: unknown): value is Pipeline {
  if (typeof value !== 'object' || value === null) return false
  const { plan, lambdas, sinks } = value as Partial<Pipeline>
  // Not `instanceof`: the file has classes of its own, but Map is the process's.
  return typeof plan?.name === 'string' && lambdas instanceof Map && sinks instanceof Map
}

/** In hex. */
export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
