/** Old and new numbers of a rerun, for a person: what changed, over all and by merchant. */
import type { DiffView } from '../../gateway/core/rerun-view.ts'
import { tableLines } from '../query/table.ts'

type Metric = DiffView['total'][number]

const header = ['metric', 'by', 'hours changed', 'of', 'before', 'after', 'change', 'largest change']
const textColumns = 2

/** Merchants that are told one by one. */
export const toldMerchantsMax = 20

export function diffLines(diff: DiffView, width: number): readonly string[] {
  const { total, merchants, merchantsCompared, merchantsChanged } = diff
  if (merchantsChanged === 0) {
    return [`Nothing differs: ${hoursOf(total)} of ${many(merchantsCompared, 'merchant')} have the same numbers.`]
  }
  // Of what did not change only the totals are told.
  const shown = total.filter(({ changed, breakdown }) => changed > 0 || breakdown === 'total')
  const told = merchants.slice(0, toldMerchantsMax)
  const more = merchantsChanged - told.length
  return [
    `Old and new numbers: ${merchantsChanged} of ${many(merchantsCompared, 'merchant')} differ.`,
    ...tableLines(header, shown.map(row), { textColumns, width }),
    ...told.flatMap(({ merchant, metrics }) => [
      '',
      `${merchant}:`,
      ...tableLines(header, metrics.map(row), { textColumns, width }),
    ]),
    ...(more > 0 ? ['', `${more} merchants more differ; --json has what is kept of them`] : []),
  ]
}

function row({ metric, breakdown, buckets, changed, before, after, largest }: Metric): readonly string[] {
  const number = (text: string) => (metric === 'revenue' ? decimal(text) : whole(text))
  const change = (BigInt(after) - BigInt(before)).toString()
  return [
    metric,
    breakdown,
    whole(String(changed)),
    whole(String(buckets)),
    number(before),
    number(after),
    signed(number(change)),
    largest === null ? '' : largestText(largest, number),
  ]
}

function largestText(
  { merchant, bucket, value, before, after }: NonNullable<Metric['largest']>,
  number: (text: string) => string,
): string {
  const of = value === '' ? '' : ` ${value}`
  return `${number(before)} → ${number(after)}: ${merchant}${of}, ${bucket.slice(0, 13)}h`
}

function hoursOf(total: readonly Metric[]): string {
  return many(total.find(({ breakdown }) => breakdown === 'total')?.buckets ?? 0, 'hour')
}

const many = (count: number, what: string) => `${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`
const whole = (text: string) => BigInt(text).toLocaleString('en')
const signed = (text: string) => (text.startsWith('-') || /^0(\.0+)?$/.test(text) ? text : `+${text}`)

/** Micros as major units, whatever the currency: two places, more where they are not 0. */
function decimal(micros: string): string {
  const size = BigInt(micros) < 0n ? -BigInt(micros) : BigInt(micros)
  const places = (size % 1_000_000n)
    .toString()
    .padStart(6, '0')
    .replace(/0{1,4}$/, '')
  return `${BigInt(micros) < 0n ? '-' : ''}${(size / 1_000_000n).toLocaleString('en')}.${places}`
}
