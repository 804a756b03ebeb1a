/**
 * A plan over a table as a query whose every column is a text, and its answer as rows of the lake again: engines' clients
 * round numbers and name values in their own ways, texts are the same from each.
 */
import type { LakeRow, LakeValue } from '../../../core/tables.ts'
import { type Expression, named, type Select } from './ast.ts'
import type { PlanType, TablePlan } from './table-plan.ts'
import type { Result } from './table-plan-aggregates.ts'
import type { TablePlanQuestion } from './table-plan-rows.ts'
import { tablePlanParts } from './table-plan-select.ts'

export interface TablePlanAnswer {
  readonly select: Select
  /** A row of the answer, texts and nulls by column. @throws RangeError for another one */
  readonly read: (cells: readonly unknown[]) => LakeRow
}

/** @throws RangeError as `tablePlanSelect` */
export function tablePlanAnswer(
  plan: TablePlan,
  question: TablePlanQuestion,
  zones: readonly string[] = [],
): TablePlanAnswer {
  const { relations, columns } = tablePlanParts(plan, question, zones)
  const cells = columns.map(({ name, result }) => ({ name, ...cellsOf(result) }))
  return {
    select: {
      with: relations,
      columns: cells.flatMap(({ name, texts }) =>
        texts.map((expression, i) => ({ expression, as: i === 0 ? name : `${name} ${i}` })),
      ),
      from: named('grouped'),
    },
    read(row) {
      const made: Record<string, LakeValue> = {}
      let at = 0
      for (const { name, texts, read } of cells) {
        made[name] = read(row.slice(at, at + texts.length).map(textOf))
        at += texts.length
      }
      if (at !== row.length) throw new RangeError(`an answer of ${row.length} columns, expected ${at}`)
      return made
    },
  }
}

interface Cells {
  readonly texts: readonly Expression[]
  readonly read: (texts: readonly (string | null)[]) => LakeValue
}

function cellsOf(result: Result): Cells {
  switch (result.kind) {
    case 'value':
      return {
        texts: [asText(result)],
        read: ([text = null]) => (text === null ? null : storedValue(result.type, text)),
      }
    case 'average':
      return {
        texts: [result.sum, result.n].map((of): Expression => ({ kind: 'asText', of })),
        read: ([sum, n]) => ({ sum: BigInt(sum ?? 0), n: BigInt(n ?? 0) }),
      }
    case 'sketch':
      return {
        texts: [{ kind: 'listTexts', list: result.list }],
        read: ([text = null]) => (text === null ? null : (JSON.parse(text) as string[]).map(BigInt)),
      }
    case 'pairs': {
      const { key, value, list } = result
      return {
        texts: [{ kind: 'pairs', list, key: key.name, value: value.name }],
        read: ([text = null]) =>
          text === null
            ? null
            : (JSON.parse(text) as [string, string][]).map(([k, v]) => ({
                [key.name]: key.type === 'text' ? k : Number(k),
                [value.name]: BigInt(v),
              })),
      }
    }
  }
}

function asText({ type, expression }: { readonly type: PlanType; readonly expression: Expression }): Expression {
  // As JSON a text comes whole: of a bare one a client drops a U+FEFF at its start.
  if (type === 'string') {
    return {
      kind: 'case',
      branches: [{ when: { kind: 'notNull', of: expression }, value: { kind: 'texts', of: [expression] } }],
    }
  }
  return { kind: 'asText', of: type === 'instant' ? { kind: 'epochMs', of: expression } : expression }
}

function storedValue(type: PlanType, text: string): LakeValue {
  if (type === 'string') return (JSON.parse(text) as string[])[0] ?? null
  if (type === 'boolean') return text === 'true'
  const whole = BigInt(text)
  if (type === 'bigint') return whole
  const number = Number(whole)
  return Number.isSafeInteger(number) ? number : whole
}

function textOf(cell: unknown): string | null {
  if (cell === null || typeof cell === 'string') return cell
  throw new RangeError(`an answer of texts holds a ${typeof cell}`)
}
