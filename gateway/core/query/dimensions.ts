/** The dimensions one can ask for: a closed list, and `props.<key>` for custom properties, whose keys are data. */
import { isLine } from '../../../core/hit/text.ts'
import { breakdowns, type Dimension, rawDimensions } from '../../../core/ports/query-engine.ts'
import { type CalendarUnit, calendarUnits } from '../../../core/time/calendar.ts'
import { type QueryFault, quoted } from './faults.ts'

/** UTF-16 units of the key of a custom property, as collectors accept them. */
export const propKeyMaxLength = 64

export type AskedDimension =
  | { readonly kind: 'time'; readonly name: string; readonly unit: CalendarUnit }
  | { readonly kind: 'value'; readonly name: Dimension }

/** Dimensions of hits, by which one may filter too. */
export const valueDimensions: readonly string[] = [...breakdowns, ...rawDimensions]
/** As they are listed where a name is unknown. */
export const allowedDimensions: readonly string[] = [
  ...calendarUnits.map((unit) => `time:${unit}`),
  ...valueDimensions,
  'props.<key>',
]

export function parseDimension(value: unknown, pointer: string, faults: QueryFault[]): AskedDimension | undefined {
  if (typeof value === 'string' && value.startsWith('time:')) {
    const unit = calendarUnits.find((each) => value === `time:${each}`)
    if (unit !== undefined) return { kind: 'time', name: value, unit }
  }
  const name = valueDimension(value)
  if (name !== undefined) return { kind: 'value', name }
  faults.push(unknownDimension(value, pointer, allowedDimensions))
  return undefined
}

/** Without time, which is what `dateRange` is for. */
export function parseFilterDimension(value: unknown, pointer: string, faults: QueryFault[]): Dimension | undefined {
  const name = valueDimension(value)
  if (name === undefined) faults.push(unknownDimension(value, pointer, [...valueDimensions, 'props.<key>']))
  return name
}

function valueDimension(value: unknown): Dimension | undefined {
  if (typeof value !== 'string') return undefined
  if (valueDimensions.includes(value)) return value as Dimension
  return value.startsWith('props.') && isPropKey(value.slice(6)) ? (value as Dimension) : undefined
}

function isPropKey(key: string): boolean {
  return key.length > 0 && key.length <= propKeyMaxLength && isLine(key)
}

function unknownDimension(value: unknown, pointer: string, allowed: readonly string[]): QueryFault {
  const name = typeof value === 'string' ? quoted(value) : 'that is not a text'
  const message = `there is no dimension ${name} here; there are ${allowed.join(', ')}`
  return { pointer, code: 'unknown_dimension', message, allowed }
}
