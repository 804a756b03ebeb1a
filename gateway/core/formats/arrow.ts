/**
 * An answer as an Apache Arrow IPC stream of one batch. Texts are utf8, times timestamp(ms, zone), counts int64, money
 * decimal128(38, 6), ratios and durations float64; what is not there is null.
 */
import {
  Bool,
  type DataType,
  Decimal,
  Field,
  Float64,
  Int64,
  makeBuilder,
  Schema,
  Table,
  TimestampMillisecond,
  tableToIPC,
  Utf8,
  type Vector,
} from 'apache-arrow'
import type { AnswerTable, Cell, Column } from './table.ts'

/** Key of the schema's metadata that holds the rest of the document. */
export const metadataKey = 'hitlake'
const moneyDecimals = 6
const moneyDigits = 38

/** `rest`: JSON. */
export function arrowStream(table: AnswerTable, rest: string): Uint8Array {
  const { columns, rows, timeZone } = table
  const fields = columns.map((column) => new Field(column.name, typeOf(column, timeZone), column.kind !== 'flag'))
  const schema = new Schema(fields, new Map([[metadataKey, rest]]))
  // A table made of vectors without rows forgets their types.
  if (rows.length === 0) return tableToIPC(new Table(schema), 'stream')
  const vectors: Record<string, Vector> = {}
  columns.forEach(({ name }, at) => {
    const values = rows.map((row) => arrowValue(row[at] as Cell))
    vectors[name] = vectorOf((fields[at] as Field).type, values)
  })
  return tableToIPC(new Table(schema, vectors), 'stream')
}

function typeOf({ kind }: Column, timeZone: string): DataType {
  switch (kind) {
    case 'time':
      return new TimestampMillisecond(timeZone)
    case 'text':
      return new Utf8()
    case 'flag':
      return new Bool()
    case 'count':
    case 'distinct':
      return new Int64()
    case 'money':
      return new Decimal(moneyDecimals, moneyDigits)
    default:
      return new Float64()
  }
}

function arrowValue(cell: Cell): unknown {
  switch (cell.kind) {
    case 'time':
      return Date.parse(cell.text)
    case 'text':
    case 'label':
      return cell.text
    case 'money':
      return decimalWords(cell.text)
    case 'count':
      return cell.value === null ? null : BigInt(cell.value)
    default:
      return cell.value
  }
}

/** Decimal text as 128 bits in two's complement, four words, the lowest first. */
function decimalWords(text: string): Uint32Array {
  const [whole = '', decimals = ''] = text.split('.')
  const bits = BigInt.asUintN(128, BigInt(whole + decimals.padEnd(moneyDecimals, '0')))
  return Uint32Array.from([0n, 32n, 64n, 96n], (shift) => Number((bits >> shift) & 0xffff_ffffn))
}

function vectorOf(type: DataType, values: readonly unknown[]): Vector {
  const builder = makeBuilder({ type, nullValues: [null] })
  for (const value of values) builder.append(value)
  return builder.finish().toVector()
}
