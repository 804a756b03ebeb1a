/**
 * Aggregates of a plan over a table: of the rows of `windowed` one row a window and group, as the relation `grouped`. Columns
 * are parts of the results, which `results` puts together, for engines make nothing of a list where they make the list.
 */
import {
  and,
  column,
  compare,
  type Expression,
  falling,
  named,
  type OrderKey,
  orElse,
  type StructPart,
  sumOrZero,
  whole,
} from './ast.ts'
import type { PlanAggregate, PlanType, TablePlan } from './table-plan.ts'
import {
  asIs,
  type Columns,
  columnsUsed,
  isValue,
  ofRow,
  type Relations,
  rowColumn,
  rowTypes,
  type Typed,
  wide,
} from './table-plan-rows.ts'

/** What a result is made of, in terms of `grouped`. */
export type Result =
  | { readonly kind: 'value'; readonly type: PlanType; readonly expression: Expression }
  | { readonly kind: 'average'; readonly sum: Expression; readonly n: Expression }
  | { readonly kind: 'sketch'; readonly list: Expression }
  | { readonly kind: 'pairs'; readonly list: Expression; readonly key: StructPart; readonly value: StructPart }

const windowColumns = ['window_start', 'window_end']
const bucketPart = { name: 'bucket', type: 'int' } as const
const countPart = { name: 'n', type: 'long' } as const
const valuePart = { name: 'value', type: 'text' } as const
const weightPart = { name: 'weight', type: 'decimal38' } as const

/** Relations of which the last is `grouped`: the keys, the window's bounds, and the parts of every result. */
export function aggregateRelations(plan: TablePlan): Relations {
  const types = rowTypes(plan)
  const keys = [...plan.by.map(rowColumn), ...windowColumns]
  const group = keys.map((name) => column(name))
  const parts = Object.entries(plan.aggregates).map(([name, node]) => partsOf(name, node, types))
  const marks = parts.flatMap(({ marks: each }) => each)
  const ends = endsOf(plan)
  const marked = [
    ...marks.map(({ as, mark }) => ({ expression: mark(group), as })),
    ...ends.map(({ as, orderBy }) => ({ expression: { kind: 'rank', partitionBy: group, orderBy } as const, as })),
  ]
  const rows = ['ms', ...columnsUsed(plan).map(rowColumn), ...windowColumns].map(asIs)
  return [
    ...(marked.length === 0
      ? []
      : [{ name: 'marked', select: { columns: [...rows, ...marked], from: named('windowed') } }]),
    {
      name: 'grouped',
      select: {
        columns: [...keys.map(asIs), ...parts.flatMap(({ columns }) => columns)],
        from: named(marked.length === 0 ? 'windowed' : 'marked'),
        groupBy: group,
      },
    },
  ]
}

/** Columns that say which rows are the first and the last of a group, where that is asked; several where places tie. */
function endsOf({
  aggregates,
  position,
}: TablePlan): readonly { readonly as: string; readonly orderBy: readonly OrderKey[] }[] {
  const asked = (kind: PlanAggregate['kind']) => Object.values(aggregates).some((node) => node.kind === kind)
  const order = [column('ms'), ...position.map(ofRow)]
  return [
    ...(asked('first') ? [{ as: 'from_first', orderBy: order }] : []),
    ...(asked('last') ? [{ as: 'from_last', orderBy: order.map(falling) }] : []),
  ]
}

interface Parts {
  /** Over the rows of a group. */
  readonly marks: readonly { readonly as: string; readonly mark: (group: readonly Expression[]) => Expression }[]
  readonly columns: Columns
}

const partColumn = (name: string, part: string) => `${part} of ${name}`
const result = (name: string) => column(partColumn(name, 'result'))

function partsOf(name: string, node: PlanAggregate, types: Readonly<Record<string, PlanType>>): Parts {
  const one = (expression: Expression): Parts => ({
    marks: [],
    columns: [{ expression, as: partColumn(name, 'result') }],
  })
  if (node.kind === 'count') return one({ kind: 'count' })
  const of: Typed = { expression: ofRow(node.column), type: types[node.column] ?? 'unknown' }
  switch (node.kind) {
    case 'countIf':
      return one({ kind: 'count', where: isValue(of, node.is ?? true) })
    case 'sum':
      return one(sumOrZero(wide(of)))
    case 'min':
    case 'max':
      return one({ kind: node.kind, of: of.expression })
    case 'avg':
      return {
        marks: [],
        columns: [
          { expression: sumOrZero(wide(of)), as: partColumn(name, 'sum') },
          {
            expression: { kind: 'count', where: { kind: 'notNull', of: of.expression } },
            as: partColumn(name, 'number'),
          },
        ],
      }
    case 'first':
      return one(endValue('min', column('from_first'), of.expression))
    case 'last':
      return one(endValue('max', column('from_last'), of.expression))
    case 'countDistinct':
      return eachOnce(name, of.expression, null, of.expression)
    case 'quantiles':
      return eachOnce(name, of.expression, whole(1), {
        kind: 'struct',
        fields: [
          { ...bucketPart, of: of.expression },
          { ...countPart, of: column(partColumn(name, 'sum')) },
        ],
      })
    case 'top': {
      const weight = wide({ expression: ofRow(node.weight), type: types[node.weight] ?? 'unknown' })
      return eachOnce(name, of.expression, orElse(weight, whole(0)), {
        kind: 'struct',
        fields: [
          { ...valuePart, of: of.expression },
          { ...weightPart, of: column(partColumn(name, 'sum')) },
        ],
      })
    }
  }
}

/** Of the rows at an end; where places tie, no value comes before the smallest, and behind none the largest. */
function endValue(call: 'min' | 'max', rank: Expression, of: Expression): Expression {
  const isEnd = compare(rank, '=', whole(1))
  const value: Expression = { kind: call, of: { kind: 'case', branches: [{ when: isEnd, value: of }] } }
  if (call === 'max') return value
  const none: Expression = { kind: 'count', where: and(isEnd, { kind: 'isNull', of }) }
  return { kind: 'case', branches: [{ when: compare(none, '=', whole(0)), value }] }
}

/** A list of what each value gives, made in its first row: as long as the values are many, not the rows. */
function eachOnce(name: string, value: Expression, summed: Expression | null, gives: Expression): Parts {
  const once = partColumn(name, 'place')
  const marks = [
    {
      as: once,
      mark: (group: readonly Expression[]): Expression => ({
        kind: 'place',
        partitionBy: [...group, value],
        orderBy: [column('ms')],
      }),
    },
    ...(summed === null
      ? []
      : [
          {
            as: partColumn(name, 'sum'),
            mark: (group: readonly Expression[]): Expression => ({
              kind: 'over',
              call: 'sum',
              of: summed,
              partitionBy: [...group, value],
            }),
          },
        ]),
  ]
  const isOnce = and(compare(column(once), '=', whole(1)), { kind: 'notNull', of: value })
  const listed: Expression = { kind: 'case', branches: [{ when: isOnce, value: gives }] }
  return { marks, columns: [{ expression: { kind: 'listOf', of: listed }, as: partColumn(name, 'result') }] }
}

/** Of `grouped`, by the aggregate's name. */
export function results({ aggregates, ...plan }: TablePlan): ReadonlyMap<string, Result> {
  const types = rowTypes({ aggregates, ...plan })
  return new Map(Object.entries(aggregates).map(([name, node]) => [name, resultOf(name, node, types)]))
}

function resultOf(name: string, node: PlanAggregate, types: Readonly<Record<string, PlanType>>): Result {
  const value = (type: PlanType): Result => ({ kind: 'value', type, expression: result(name) })
  switch (node.kind) {
    case 'count':
    case 'countIf':
      return value('long')
    case 'sum':
      return value('bigint')
    case 'avg':
      return { kind: 'average', sum: column(partColumn(name, 'sum')), n: column(partColumn(name, 'number')) }
    case 'countDistinct':
      return { kind: 'sketch', list: { kind: 'smallest', list: result(name), limit: node.k } }
    case 'quantiles':
      return pairs(name, bucketPart, countPart)
    case 'top':
      return pairs(name, valuePart, weightPart)
    default:
      return value(types[node.column] ?? 'unknown')
  }
}

function pairs(name: string, key: StructPart, value: StructPart): Result {
  return { kind: 'pairs', list: { kind: 'sumByKey', list: result(name), key, value }, key, value }
}
