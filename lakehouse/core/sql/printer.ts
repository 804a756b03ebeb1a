/**
 * Prints a `Select`: what all dialects say alike. Where they differ, the printer asks its `Dialect`. The dialects' own
 * files are the only writers of literals.
 */
import type { TableName } from '../../../core/tables.ts'
import type { Expression, Literal, Relation, Select, Source, Within } from './ast.ts'

/** Gives the relation that holds a table's rows with these columns: `read_parquet([…])`, `"lake"."schema"."hourly" …`. */
export type TableText = (table: TableName, columns: readonly string[]) => string

/** What one engine says in its own way. Arguments are printed expressions. */
export interface Dialect {
  literal(literal: Literal): string
  /** A column of the outermost select. */
  result(of: string): string
  /** Exact at any size. */
  sum(of: string): string
  listOf(of: string): string
  unionOf(lists: string): string
  countOfSmallest(list: string, limit: number): string
  largestOfSmallest(list: string, limit: number): string
  /** What follows the left side in FROM, and what WHERE must say besides. */
  within(within: Within, point: string): { readonly join: string; readonly where: string }
}

/** A quoted name. @throws RangeError where the name holds a NUL, which no name can */
export function quotedName(name: string): string {
  if (name.includes('\0')) throw new RangeError('a name holds a NUL')
  return `"${name.replaceAll('"', '""')}"`
}

/** A select as text. @throws RangeError where a literal has no exact text */
export function printSql(select: Select, table: TableText, dialect: Dialect): string {
  return new Printer(table, dialect).outermost(select)
}

class Printer {
  constructor(
    private readonly table: TableText,
    private readonly dialect: Dialect,
  ) {}

  outermost(select: Select): string {
    return this.select(select, (of) => this.dialect.result(of))
  }

  private select(select: Select, result = (of: string) => of): string {
    const withs = (select.with ?? []).map(
      ({ name, select: inner }) => `${quotedName(name)} AS (\n${indent(this.select(inner))}\n)`,
    )
    const columns = select.columns.map(({ expression, as }) => `${result(this.print(expression))} AS ${quotedName(as)}`)
    const conditions = this.rangeConditions(select.from.relation)
    if (select.where !== undefined) conditions.push(this.print(select.where))
    return [
      withs.length === 0 ? '' : `WITH ${withs.join(',\n')}`,
      `SELECT ${select.distinct === undefined ? '' : 'DISTINCT '}${columns.join(', ')}`,
      `FROM ${this.source(select.from)}`,
      conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`,
      select.groupBy === undefined ? '' : `GROUP BY ${this.list(select.groupBy)}`,
      select.orderBy === undefined ? '' : `ORDER BY ${this.list(select.orderBy)}`,
    ]
      .filter((line) => line !== '')
      .join('\n')
  }

  /** The half of every `within` of a relation that its join cannot say. */
  private rangeConditions(relation: Relation): string[] {
    switch (relation.kind) {
      case 'within':
        return [...this.rangeConditions(relation.left.relation), this.within(relation).where]
      case 'join':
        return [relation.left, relation.right].flatMap((side) => this.rangeConditions(side.relation))
      case 'unnest':
        return this.rangeConditions(relation.left.relation)
      default:
        return []
    }
  }

  private within(relation: Within) {
    return this.dialect.within(relation, this.print(relation.point))
  }

  private source({ relation, as }: Source): string {
    const joined = relation.kind === 'join' || relation.kind === 'within' || relation.kind === 'unnest'
    // The parts of a join keep their own names; the join has none.
    return joined ? this.relation(relation) : `${this.relation(relation)} AS ${quotedName(as)}`
  }

  private relation(relation: Relation): string {
    switch (relation.kind) {
      case 'table':
        return this.table(relation.table, relation.columns)
      case 'named':
        return quotedName(relation.name)
      case 'select':
        return `(\n${indent(this.select(relation.select))}\n)`
      case 'join': {
        const how = relation.how === 'left' ? 'LEFT JOIN' : 'JOIN'
        return `${this.source(relation.left)}\n${how} ${this.source(relation.right)}\nON ${this.print(relation.on)}`
      }
      case 'within':
        return `${this.source(relation.left)}\n${this.within(relation).join}`
      case 'unnest': {
        const unnested = `UNNEST(${this.print(relation.list)}) AS ${quotedName(relation.as)}(${quotedName(relation.element)})`
        return `${this.source(relation.left)}\nCROSS JOIN ${unnested}`
      }
    }
  }

  private print(expression: Expression): string {
    switch (expression.kind) {
      case 'literal':
        return this.dialect.literal(expression.literal)
      case 'column':
        return expression.of === undefined
          ? quotedName(expression.name)
          : `${quotedName(expression.of)}.${quotedName(expression.name)}`
      case 'compare':
        return `${this.print(expression.left)} ${expression.op} ${this.print(expression.right)}`
      case 'and':
        return expression.parts.map((part) => this.print(part)).join(' AND ')
      case 'notNull':
        return `${this.print(expression.of)} IS NOT NULL`
      case 'orElse':
        return `coalesce(${this.print(expression.of)}, ${this.print(expression.otherwise)})`
      case 'sum':
        return this.dialect.sum(this.print(expression.of))
      case 'max':
        return `max(${this.print(expression.of)})`
      case 'count':
        return expression.where === undefined ? 'count(*)' : `count(*) FILTER (WHERE ${this.print(expression.where)})`
      case 'place':
        return `row_number() OVER (PARTITION BY ${this.list(expression.partitionBy)} ORDER BY ${this.print(expression.by)})`
      case 'listOf':
        return this.dialect.listOf(this.print(expression.of))
      case 'unionOf':
        return this.dialect.unionOf(this.print(expression.lists))
      case 'countOfSmallest':
        return this.dialect.countOfSmallest(this.print(expression.list), expression.limit)
      case 'largestOfSmallest':
        return this.dialect.largestOfSmallest(this.print(expression.list), expression.limit)
    }
  }

  private list(expressions: readonly Expression[]): string {
    return expressions.map((each) => this.print(each)).join(', ')
  }
}

const indent = (lines: string) => `  ${lines.replaceAll('\n', '\n  ')}`
