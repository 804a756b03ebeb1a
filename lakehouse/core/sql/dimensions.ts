/** Dimensions and filters as expressions. Each is a text, '' where there is no value: so no condition is ever unknown. */
import type { Breakdown, Dimension, Filter, PropDimension, RawDimension } from '../../../core/ports/query-engine.ts'
import { and, anyOf, boolean, column, type Expression, not, or, orElse, text } from './ast.ts'

const propPrefix = 'props.'

const hitColumns: Readonly<Record<Breakdown | RawDimension, string>> = {
  name: 'name',
  page: 'path',
  source: 'source',
  country: 'country',
  device: 'device',
  browser: 'browser',
  campaign: 'campaign',
  os: 'os',
  bot: 'bot',
  language: 'language',
  medium: 'medium',
  term: 'campaign_term',
  content: 'campaign_content',
}

function isProp(dimension: Dimension): dimension is PropDimension {
  return dimension.startsWith(propPrefix)
}

/** The key of a custom property; undefined for every other dimension. */
export function propKeyOf(dimension: Dimension): string | undefined {
  return isProp(dimension) ? dimension.slice(propPrefix.length) : undefined
}

/** The column of `hits` that a dimension is read from. */
export function hitColumn(dimension: Dimension): string {
  return isProp(dimension) ? 'props' : hitColumns[dimension]
}

/** A dimension of the hits that `as` names. */
export function hitDimension(dimension: Dimension, as: string): Expression {
  const read = column(hitColumn(dimension), as)
  const key = propKeyOf(dimension)
  if (key !== undefined) return { kind: 'prop', of: read, key }
  return orElse(dimension === 'bot' ? { kind: 'asText', of: read } : read, text(''))
}

/**
 * Whether a filter holds; `of` gives a dimension's text. Where `known` is false there is no text to compare: then no text
 * is one of the values, nor has one as a part.
 */
export function filterExpression(
  filter: Filter,
  of: (dimension: Dimension) => Expression,
  known?: Expression,
): Expression {
  switch (filter.op) {
    case 'and':
    case 'or': {
      const parts = filter.filters.map((part) => filterExpression(part, of, known))
      if (parts.length === 0) return boolean(filter.op === 'and')
      return filter.op === 'and' ? and(...parts) : or(...parts)
    }
    case 'not':
      return not(filterExpression(filter.filter, of, known))
    case 'is':
    case 'contains': {
      // Half a surrogate pair is in no stored text, and no engine could be told of it.
      const values = filter.values.filter((value) => !/\p{Surrogate}/u.test(value))
      if (values.length === 0) return boolean(false)
      const text = of(filter.dimension)
      const found =
        filter.op === 'is'
          ? anyOf(text, values)
          : or(...values.map((part): Expression => ({ kind: 'contains', of: text, part })))
      return known === undefined ? found : and(known, found)
    }
    case 'is_not':
      return not(filterExpression({ ...filter, op: 'is' }, of, known))
    case 'contains_not':
      return not(filterExpression({ ...filter, op: 'contains' }, of, known))
  }
}

/** All dimensions that a question speaks of, each once. */
export function dimensionsOf(question: {
  readonly dimensions: readonly Dimension[]
  readonly filter: Filter | null
}): ReadonlySet<Dimension> {
  return new Set([...question.dimensions, ...(question.filter === null ? [] : filterDimensions(question.filter))])
}

function filterDimensions(filter: Filter): readonly Dimension[] {
  switch (filter.op) {
    case 'and':
    case 'or':
      return filter.filters.flatMap(filterDimensions)
    case 'not':
      return filterDimensions(filter.filter)
    default:
      return [filter.dimension]
  }
}
