/**
 * Every refusal leaves as `application/problem+json` (RFC 9457) with a stable `code`. Known errors say what happened; of
 * an unknown one the client learns only the request's id, under which the log has the rest.
 */
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyError, FastifyPluginCallback, FastifyReply, FastifyRequest } from 'fastify'
import { errorEntry } from '../../../core/error-table.ts'
import { EngineUnavailableError, LogUnavailableError, PlatformError, RawBudgetError } from '../../../core/errors.ts'
import { type Fault, ProblemError, type ProblemFacts } from '../../core/problem.ts'

/** What `Retry-After` says where the thrower did not. The log opens itself again after 5 s; an engine is back sooner. */
export const logRetryAfterSeconds = 5
export const defaultRetryAfterSeconds = 1

export interface ProblemDetailsOptions {
  /** Called with the code of each problem that is answered; all are of `core/error-table.ts`. */
  readonly onProblem?: (code: string) => void
}

interface Problem {
  readonly status: number
  readonly code: string
  readonly detail: string
  readonly extra?: ProblemFacts
  readonly retryAfterSeconds?: number | undefined
}

/** Installs the error handler and the answer to unknown addresses, for the whole instance it is registered on. */
export const problemDetails: FastifyPluginCallback<ProblemDetailsOptions> & { [skipOverride]?: true } = (
  app,
  { onProblem },
  done,
) => {
  app.setErrorHandler((error, request, reply) => {
    const problem = problemOf(error, request)
    onProblem?.(problem.code)
    if (problem.code === 'internal') request.log.error({ err: error, requestId: request.id }, 'a request failed')
    // The client can only try again; why the engine does not answer is for whoever runs it.
    if (error instanceof EngineUnavailableError) request.log.warn({ err: error }, 'the query engine gave no answer')
    return sendProblem(reply, problem)
  })
  app.setNotFoundHandler((request, reply) => {
    onProblem?.('not_found')
    const path = request.url.split('?', 1)[0]
    return sendProblem(reply, { status: 404, code: 'not_found', detail: `there is no ${request.method} ${path}` })
  })
  done()
}
// Fastify gives a plugin an instance of its own, whose error handler would not be its siblings'; this asks it not to.
const skipOverride = Symbol.for('skip-override')
problemDetails[skipOverride] = true

function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  if (problem.retryAfterSeconds !== undefined) reply.header('retry-after', String(problem.retryAfterSeconds))
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer')
  return reply
    .code(problem.status)
    .header('cache-control', 'no-store')
    .type('application/problem+json')
    .serializer((body: string) => body)
    .send(problemText(problem))
}

function problemText({ status, code, detail, extra }: Problem): string {
  // `about:blank` says that the title is the status' own; the code is what tells two problems apart.
  return JSON.stringify({ ...extra, type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, code, detail })
}

function problemOf(error: unknown, request: FastifyRequest): Problem {
  if (error instanceof ProblemError) return withRetryAfter(error)
  if (error instanceof PlatformError) {
    const status = errorEntry(error.code)?.status
    if (status) {
      const { code, message: detail } = error
      const retryAfterSeconds = error instanceof LogUnavailableError ? logRetryAfterSeconds : undefined
      const extra = error instanceof RawBudgetError ? { rows: error.rows, budget: error.budget } : {}
      return withRetryAfter({ status, code, detail, extra, retryAfterSeconds })
    }
  }
  if (isFastifyError(error)) {
    const known = fastifyProblem(error)
    if (known !== undefined) return withRetryAfter(known)
  }
  return {
    status: 500,
    code: 'internal',
    detail: "something went wrong here; the server's log has the reason under requestId",
    extra: { requestId: request.id },
  }
}

// A 429 or 503 without `Retry-After` makes clients guess.
function withRetryAfter(problem: Problem): Problem {
  const { status, code, detail, extra } = problem
  const waits = status === 429 || status === 503
  const seconds = problem.retryAfterSeconds ?? (waits ? defaultRetryAfterSeconds : undefined)
  return { status, code, detail, ...(extra && { extra }), retryAfterSeconds: seconds }
}

function isFastifyError(error: unknown): error is FastifyError {
  return error instanceof Error && 'code' in error && 'statusCode' in error
}

const fastifyProblems: Readonly<Record<string, readonly [status: number, code: string, detail: string]>> = {
  FST_ERR_NOT_FOUND: [404, 'not_found', 'there is nothing at this address'],
  FST_ERR_CTP_BODY_TOO_LARGE: [413, 'body_too_large', 'the body is over the limit of this route'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [415, 'bad_content_type', 'this route reads application/json'],
  FST_ERR_CTP_EMPTY_JSON_BODY: [400, 'bad_json', 'the body is empty, JSON was announced'],
  FST_ERR_CTP_INVALID_JSON_BODY: [400, 'bad_json', 'the body is not JSON'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [400, 'bad_request', 'Content-Length and the length of the body differ'],
  FST_ERR_HANDLER_TIMEOUT: [503, 'overloaded', 'the answer took too long; try again'],
}

function fastifyProblem(error: FastifyError): Problem | undefined {
  const known = fastifyProblems[error.code]
  if (known !== undefined) return { status: known[0], code: known[1], detail: known[2] }
  if (error.validation !== undefined) {
    const errors = error.validation.map(
      (each): Fault => ({
        pointer: each.instancePath,
        code: 'bad_query',
        message: each.message ?? 'is not right',
      }),
    )
    return { status: 400, code: 'bad_query', detail: error.message, extra: { errors } }
  }
  const status = error.statusCode ?? 500
  if (status === 408) return { status, code: 'request_timeout', detail: 'the request did not arrive in time' }
  // Its own parser and router refuse with texts about the request alone, so they may be shown.
  if (status >= 400 && status < 500) return { status: 400, code: 'bad_request', detail: error.message }
  return undefined
}

/** For Fastify's `frameworkErrors`: addresses its router cannot read reach no error handler. */
export function refuseAddress(error: Error, request: FastifyRequest, reply: FastifyReply): void {
  sendProblem(reply, problemOf(error, request))
}

/** Answers bytes that are no HTTP request, or one that came too slowly, and closes the connection. */
export function refuseClient(error: Error & { readonly code?: string }, socket: Socket): void {
  const started = (socket as Socket & { _httpMessage?: { headersSent: boolean } | null })._httpMessage?.headersSent
  if (error.code === 'ECONNRESET' || !socket.writable || started) {
    socket.destroy()
    return
  }
  socket.end(rawProblem(clientProblem(error.code)), () => socket.destroy())
}

function clientProblem(code: string | undefined): Problem {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return { status: 408, code: 'request_timeout', detail: 'the request did not arrive in time' }
  }
  if (code === 'HPE_HEADER_OVERFLOW') {
    return { status: 431, code: 'bad_header', detail: 'the headers are too large' }
  }
  return { status: 400, code: 'bad_request', detail: 'these bytes are no HTTP request' }
}

/** A whole HTTP answer as text, for connections that no request handler serves. */
export function rawProblem(problem: Problem): string {
  const body = problemText(problem)
  const retry = problem.retryAfterSeconds === undefined ? '' : `Retry-After: ${problem.retryAfterSeconds}\r\n`
  return (
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\nContent-Type: application/problem+json\r\n` +
    `Content-Length: ${Buffer.byteLength(body)}\r\n${retry}Connection: close\r\n\r\n${body}`
  )
}
