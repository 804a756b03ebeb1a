/** Query strings of admin routes: a closed set of names, each at most once. */
import type { FastifyRequest } from 'fastify'
import { type Fault, faultyRequest } from '../../core/problem.ts'

/**
 * The parameters by name; those left out are undefined. A misspelt name is a fault, because leaving a filter out unseen
 * answers another question.
 * @throws ProblemError 400 `bad_query`
 */
export function queryOf<N extends string>(
  request: FastifyRequest,
  names: readonly N[],
): Readonly<Partial<Record<N, string>>> {
  const faults: Fault[] = []
  const found: Partial<Record<N, string>> = {}
  for (const [given, value] of Object.entries(request.query as Record<string, unknown>)) {
    const name = names.find((each) => each === given)
    const pointer = `/${given.replaceAll('~', '~0').replaceAll('/', '~1')}`
    if (name === undefined) {
      const message = `${given.slice(0, 64)} is not a parameter here; there are ${names.join(', ')}`
      faults.push({ pointer, code: 'bad_query', message })
    } else if (typeof value === 'string') found[name] = value
    else faults.push({ pointer, code: 'bad_query', message: `${name} is given more than once` })
  }
  if (faults.length > 0) throw faultyRequest(faults)
  return found
}
