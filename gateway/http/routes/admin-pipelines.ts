/**
 * `/v1/admin/pipelines`: what the plans that are live do, whether this release's wait, and what another plan would change.
 * Needs an admin key.
 */
import type { FastifyPluginCallback } from 'fastify'
import { InvalidPlanError, UnreadablePlanError } from '../../../core/errors.ts'
import type { KeyDirectory } from '../../core/keys.ts'
import { faultyRequest, ProblemError } from '../../core/problem.ts'
import { adminBodyMaxBytes, requireAdmin } from './admin-access.ts'

export interface PipelineSummary {
  readonly name: string
  /** Of the live version and data sets: the column `plan` of rows that are made now. */
  readonly hash: string
  /** Version of the plan by which hits are processed. */
  readonly live: string
  /** Version of the plan of this process's release. */
  readonly release: string
  /** The release's plan would make other numbers, so the live one goes on until a rerun or `adopt`. */
  readonly waits: boolean
  readonly runs: 'stream' | 'bounded'
  /** Tables, by job; a bounded plan has none. */
  readonly jobs: Readonly<Record<string, readonly string[]>>
}

export interface PipelineView extends PipelineSummary {
  readonly dataSets: Readonly<Record<string, string>>
  /** Hash of the code that the live plan's steps call; null where it runs from sources. */
  readonly code: string | null
  /** The live one, as JSON. */
  readonly plan: object
  readonly text: string
  readonly mermaid: string
}

/** What bringing the release's plan in came to. */
export type Adopted = { readonly adopted: PipelineSummary } | { readonly breaking: string }

/** The pipelines of this release; gateways show them and know nothing else of them. */
export interface PipelineCatalog {
  list(): Promise<readonly PipelineSummary[]>
  find(name: string): Promise<PipelineView | undefined>
  /**
   * What follows from bringing `plan` in where the pipeline runs.
   * @throws UnreadablePlanError, InvalidPlanError where it is no plan
   */
  diff(name: string, plan: unknown): Promise<object>
  /**
   * From the next epoch on the release's plan is live; nothing happens where it is. `breaking`: it could not go on from the
   * state that is there, and nothing changed; undefined: there is no such pipeline.
   */
  adopt(name: string): Promise<Adopted | undefined>
}

export interface AdminPipelinesOptions {
  readonly keys: KeyDirectory
  readonly pipelines: PipelineCatalog
}

interface Route {
  Params: { name: string }
}

export const adminPipelinesRoutes: FastifyPluginCallback<AdminPipelinesOptions> = (app, options, done) => {
  const { keys, pipelines } = options
  requireAdmin(app, keys)

  app.get('/v1/admin/pipelines', async () => ({ pipelines: await pipelines.list() }))

  app.get<Route>('/v1/admin/pipelines/:name', async ({ params }) => {
    const found = await pipelines.find(params.name)
    if (found === undefined) throw unknown(params.name)
    return found
  })

  const limits = { bodyLimit: adminBodyMaxBytes }
  app.post<Route>('/v1/admin/pipelines/:name/diff', limits, async ({ params, body }) => {
    if ((await pipelines.find(params.name)) === undefined) throw unknown(params.name)
    try {
      return await pipelines.diff(params.name, body)
    } catch (error) {
      throw refusal(error)
    }
  })

  app.post<Route>('/v1/admin/pipelines/:name/adopt', limits, async ({ params }) => {
    const done = await pipelines.adopt(params.name)
    if (done === undefined) throw unknown(params.name)
    if ('adopted' in done) return done.adopted
    throw new ProblemError(409, 'plan_breaking', done.breaking)
  })
  done()
}

function unknown(name: string): ProblemError {
  return new ProblemError(404, 'not_found', `there is no pipeline '${name}'`)
}

function refusal(error: unknown): unknown {
  if (error instanceof UnreadablePlanError) {
    return faultyRequest([{ pointer: error.pointer, code: 'bad_query', message: error.message }])
  }
  if (!(error instanceof InvalidPlanError)) return error
  return faultyRequest([{ pointer: '', code: 'bad_query', message: error.message }])
}
