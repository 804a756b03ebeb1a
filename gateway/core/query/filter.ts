/**
 * Filters as callers write them, `["is", "page", ["/", null]]`, joined by `and`, `or`, `not`; read into the engine's form,
 * where a value that is not there is ''. Equal conditions come out equal where that is cheap (values sorted, each once),
 * so that they share cells.
 */
import { isText } from '../../../core/hit/text.ts'
import type { Filter } from '../../../core/ports/query-engine.ts'
import { parseFilterDimension } from './dimensions.ts'
import { bad, pointerTo, type QueryFault } from './faults.ts'

/** Conditions of one question, all its filters together. */
export const filterMaxLeaves = 20
/** Levels of one filter: a plain condition is one. */
export const filterMaxDepth = 4
/** Values of one condition. */
export const filterMaxValues = 100
/** UTF-16 units of one value: as long as the longest text that hits have (url). */
export const filterValueMaxLength = 2_048

interface Reader {
  readonly faults: QueryFault[]
  leaves: number
}

/** The conjunction of all; null for none. Adds to `faults` what is not as it should be. */
export function parseFilters(list: unknown, pointer: string, faults: QueryFault[]): Filter | null {
  if (list === undefined) return null
  if (!Array.isArray(list)) {
    faults.push(bad(pointer, 'filters is a list of filters, such as [["is", "page", ["/"]]]'))
    return null
  }
  // Before anything of it is read: there is no end to how long a list may be.
  if (list.length > filterMaxLeaves) {
    faults.push(tooManyLeaves(pointer))
    return null
  }
  const reader: Reader = { faults, leaves: 0 }
  const filters = list.flatMap((each, i) => parseFilter(each, pointerTo(pointer, i), 1, reader) ?? [])
  if (filters.length === 0) return null
  return joined('and', filters)
}

function parseFilter(value: unknown, pointer: string, depth: number, reader: Reader): Filter | undefined {
  const { faults } = reader
  if (!Array.isArray(value)) {
    faults.push(bad(pointer, 'a filter is a list: ["is", dimension, [values]], ["and", [filters]] or ["not", filter]'))
    return undefined
  }
  if (depth > filterMaxDepth) {
    faults.push(bad(pointer, `filters are nested ${filterMaxDepth} deep at most`))
    return undefined
  }
  const [op, ...rest] = value
  if (op === 'and' || op === 'or') return parseJoin(op, rest, pointer, depth, reader)
  if (op === 'not') {
    if (rest.length !== 1) {
      faults.push(bad(pointer, 'not has one filter: ["not", filter]'))
      return undefined
    }
    const filter = parseFilter(rest[0], pointerTo(pointer, 1), depth + 1, reader)
    return filter && { op, filter }
  }
  if (op === 'is' || op === 'is_not' || op === 'contains' || op === 'contains_not') {
    return parseLeaf(op, rest, pointer, reader)
  }
  faults.push(bad(pointerTo(pointer, 0), 'a filter begins with is, is_not, contains, contains_not, and, or, not'))
  return undefined
}

function parseJoin(
  op: 'and' | 'or',
  rest: readonly unknown[],
  pointer: string,
  depth: number,
  reader: Reader,
): Filter | undefined {
  const [list] = rest
  if (rest.length !== 1 || !Array.isArray(list) || list.length === 0) {
    reader.faults.push(bad(pointer, `${op} has a list of at least one filter: ["${op}", [filters]]`))
    return undefined
  }
  if (list.length > filterMaxLeaves) {
    reader.faults.push(tooManyLeaves(pointer))
    return undefined
  }
  const inner = pointerTo(pointer, 1)
  const filters = list.flatMap((each, i) => parseFilter(each, pointerTo(inner, i), depth + 1, reader) ?? [])
  return filters.length === list.length ? joined(op, filters) : undefined
}

function parseLeaf(
  op: 'is' | 'is_not' | 'contains' | 'contains_not',
  rest: readonly unknown[],
  pointer: string,
  reader: Reader,
): Filter | undefined {
  const { faults } = reader
  reader.leaves += 1
  if (reader.leaves > filterMaxLeaves) {
    if (reader.leaves === filterMaxLeaves + 1) faults.push(tooManyLeaves(pointer))
    return undefined
  }
  if (rest.length !== 2) {
    faults.push(bad(pointer, `${op} has a dimension and a list of values: ["${op}", "page", ["/"]]`))
    return undefined
  }
  const dimension = parseFilterDimension(rest[0], pointerTo(pointer, 1), faults)
  const values = parseValues(rest[1], pointerTo(pointer, 2), faults)
  return dimension && values && { op, dimension, values }
}

function parseValues(list: unknown, pointer: string, faults: QueryFault[]): readonly string[] | undefined {
  if (!Array.isArray(list) || list.length === 0 || list.length > filterMaxValues) {
    faults.push(bad(pointer, `values are a list of 1 to ${filterMaxValues}`))
    return undefined
  }
  const texts = new Set<string>()
  for (const [i, value] of list.entries()) {
    const text = valueText(value)
    if (text === undefined) {
      faults.push(
        bad(
          pointerTo(pointer, i),
          `a value is a text of at most ${filterValueMaxLength}, a finite number, a boolean or null`,
        ),
      )
      return undefined
    }
    texts.add(text)
  }
  return [...texts].sort()
}

/** Hits have only whole Unicode without NUL; a value that no hit can have would only be read differently by engines. */
function valueText(value: unknown): string | undefined {
  if (value === null) return ''
  if (typeof value === 'boolean') return String(value)
  // JSON's 1e999 is infinite here, and null once it is written as JSON again.
  if (typeof value === 'number' && Number.isFinite(value)) return String(value)
  if (typeof value !== 'string' || value.length > filterValueMaxLength) return undefined
  return isText(value) ? value : undefined
}

function joined(op: 'and' | 'or', filters: readonly Filter[]): Filter {
  const [only, ...others] = filters
  return only !== undefined && others.length === 0 ? only : { op, filters }
}

function tooManyLeaves(pointer: string): QueryFault {
  return bad(pointer, `a question has at most ${filterMaxLeaves} conditions`)
}
