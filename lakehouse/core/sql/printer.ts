/**
 * Prints a `Select`: what all dialects say alike. Where they differ, the printer asks its `Dialect`. The dialects' own
 * files are the only writers of literals.
 */
import type { TableName } from '../../../core/tables.ts'
import type { Expression, OrderKey, Relation, Select, Source, StructField, StructPart, Within } from './ast.ts'
import type { Dialect } from './dialect.ts'

/** Gives the relation that holds a table's rows with these columns: `read_parquet([…])`, `"lake"."schema"."hourly" …`. */
export type TableText = (table: TableName, columns: readonly string[]) => string

/** A quoted name. @throws RangeError where the name holds a NUL, which no name can */
export function quotedName(name: string): string {
  if (name.includes('\0')) throw new RangeError('a name holds a NUL')
  return `"${name.replaceAll('"', '""')}"`
}

/** A select as text. @throws RangeError where a literal has no exact text */
export function printSql(select: Select, table: TableText, dialect: Dialect): string {
  return new Printer(table, dialect).outermost(select)
}

/** A condition on its own, for statements that are no select. @throws RangeError where a literal has no exact text */
export function printExpression(expression: Expression, dialect: Dialect): string {
  return new Printer(() => '', dialect).print(expression)
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
    if (select.where !== undefined) {
      conditions.push(select.where.kind === 'or' ? this.operand(select.where) : this.print(select.where))
    }
    return [
      withs.length === 0 ? '' : `WITH ${withs.join(',\n')}`,
      `SELECT ${select.distinct === undefined ? '' : 'DISTINCT '}${columns.join(', ')}`,
      `FROM ${this.source(select.from)}`,
      conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`,
      select.groupBy === undefined ? '' : `GROUP BY ${this.list(select.groupBy)}`,
      select.orderBy === undefined ? '' : `ORDER BY ${this.order(select.orderBy)}`,
      select.limit === undefined ? '' : `LIMIT ${checkedCount(select.limit)}`,
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
      case 'rows': {
        const rows = relation.rows.map((row) => `(${row.map((each) => this.dialect.literal(each)).join(', ')})`)
        const names = relation.columns.map(({ name }) => quotedName(name))
        return `(\n  SELECT * FROM (VALUES ${rows.join(', ')}) AS ${quotedName('rows')}(${names.join(', ')})\n)`
      }
      case 'unionAll': {
        const parts = relation.selects.map((select) => this.unionPart(select))
        return `(\n${indent(parts.join('\nUNION ALL\n'))}\n)`
      }
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

  // Trino takes no WITH in a part of a union, but for one in FROM.
  private unionPart(select: Select): string {
    const text = `(\n${indent(this.select(select))}\n)`
    return select.with === undefined ? text : `(\n${indent(`SELECT * FROM ${text}`)}\n)`
  }

  print(expression: Expression): string {
    switch (expression.kind) {
      case 'literal':
        return this.dialect.literal(expression.literal)
      case 'column':
        return expression.of === undefined
          ? quotedName(expression.name)
          : `${quotedName(expression.of)}.${quotedName(expression.name)}`
      case 'compare':
      case 'arithmetic':
        return `${this.operand(expression.left)} ${expression.op} ${this.operand(expression.right)}`
      case 'and':
      case 'or':
        return expression.parts.map((part) => this.operand(part)).join(expression.kind === 'and' ? ' AND ' : ' OR ')
      case 'not':
        return `NOT ${this.operand(expression.of)}`
      case 'isNull':
        return `${this.operand(expression.of)} IS NULL`
      case 'notNull':
        return `${this.operand(expression.of)} IS NOT NULL`
      case 'in':
        return `${this.operand(expression.of)} IN (${expression.literals.map((each) => this.dialect.literal(each)).join(', ')})`
      case 'orElse':
        return `coalesce(${this.print(expression.of)}, ${this.print(expression.otherwise)})`
      case 'case': {
        const branches = expression.branches.map(
          ({ when, value }) => `WHEN ${this.print(when)} THEN ${this.print(value)}`,
        )
        const otherwise = expression.otherwise === undefined ? '' : ` ELSE ${this.print(expression.otherwise)}`
        return `CASE ${branches.join(' ')}${otherwise} END`
      }
      case 'max':
      case 'min':
        return `${expression.kind}(${this.print(expression.of)})`
      case 'count':
        return expression.where === undefined ? 'count(*)' : `count(*) FILTER (WHERE ${this.print(expression.where)})`
      case 'place':
      case 'rank':
      case 'before':
      case 'over':
        return this.window(expression)
      default:
        return this.inDialect(expression)
    }
  }

  /** As a part of a larger expression: in brackets where it holds an operator of its own. */
  private operand(expression: Expression): string {
    const text = this.print(expression)
    return operators.has(expression.kind) ? `(${text})` : text
  }

  private window(expression: WindowExpression): string {
    const { partitionBy, orderBy } = expression
    // Each once: where one window of a query names a column twice, DuckDB 1.5.6 forgets the last column of another one's.
    const keys = [...new Set(partitionBy.map((each) => this.print(each)))]
    const parts = [
      keys.length === 0 ? '' : `PARTITION BY ${keys.join(', ')}`,
      orderBy === undefined ? '' : `ORDER BY ${this.order(orderBy)}`,
      expression.kind === 'over' && orderBy !== undefined ? 'ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW' : '',
    ]
    return `${this.windowCall(expression)} OVER (${parts.filter((part) => part !== '').join(' ')})`
  }

  private windowCall(expression: WindowExpression): string {
    switch (expression.kind) {
      case 'place':
        return 'row_number()'
      case 'rank':
        return 'rank()'
      case 'before':
        return `lag(${this.print(expression.of)})`
      case 'over': {
        const of = this.print(expression.of)
        return expression.call === 'sum' ? this.dialect.sum(of) : `${expression.call}(${of})`
      }
    }
  }

  /** What dialects say in their own ways. */
  private inDialect(expression: DialectExpression): string {
    const { dialect } = this
    switch (expression.kind) {
      case 'contains':
        return dialect.contains(this.print(expression.of), dialect.literal({ type: 'text', value: expression.part }))
      case 'floorDivide':
        return dialect.floorDivide(this.print(expression.of), String(checkedCount(expression.by)))
      case 'asText':
        return dialect.asText(this.print(expression.of))
      case 'epochMs':
        return dialect.epochMs(this.print(expression.of))
      case 'instantOf':
        return dialect.instantOf(this.print(expression.ms))
      case 'hashOf':
        return dialect.hashOf(this.print(expression.text))
      case 'listTexts':
        return dialect.listTexts(this.print(expression.list))
      case 'prop':
        return dialect.prop(this.print(expression.of), expression.key)
      case 'lookUp':
        return dialect.lookUp(
          expression.keys.map((key) => this.print(key)),
          expression.entries,
        )
      case 'member':
        return dialect.member(this.print(expression.of), expression.key)
      case 'sum':
        return dialect.sum(this.print(expression.of))
      case 'minBy':
      case 'maxBy':
        return dialect[expression.kind](
          this.print(expression.of),
          expression.by.map((each) => this.print(each)),
        )
      case 'listOf':
        return dialect.listOf(this.print(expression.of))
      case 'unionOf':
        return dialect.unionOf(this.print(expression.lists))
      case 'joinedLists':
        return dialect.joinedLists(this.print(expression.lists))
      case 'smallest':
        return dialect.smallest(this.print(expression.list), checkedCount(expression.limit))
      case 'countOfSmallest':
        return dialect.countOfSmallest(this.print(expression.list), expression.limit)
      case 'largestOfSmallest':
        return dialect.largestOfSmallest(this.print(expression.list), expression.limit)
      case 'distinctEstimate': {
        const list = this.print(expression.list)
        const kept = dialect.countOfSmallest(list, expression.k)
        const full = dialect.fullSketchEstimate(dialect.largestOfSmallest(list, expression.k), expression.k)
        return `CASE WHEN ${kept} < ${expression.k} THEN ${kept} ELSE ${full} END`
      }
      case 'struct':
        return dialect.struct(expression.fields.map((field) => this.field(field)))
      case 'sumByKey':
        return dialect.sumByKey(this.print(expression.list), expression.key, expression.value)
      case 'texts':
        return dialect.texts(expression.of.map((each) => this.print(each)))
      case 'pairs':
        return dialect.pairs(this.print(expression.list), expression.key, expression.value)
    }
  }

  private field({ name, type, of }: StructField): StructPart & { readonly text: string } {
    return { name, type, text: this.print(of) }
  }

  private list(expressions: readonly Expression[]): string {
    return expressions.map((each) => this.print(each)).join(', ')
  }

  private order(keys: readonly OrderKey[]): string {
    return keys.map((key) => (key.kind === 'falling' ? `${this.print(key.of)} DESC` : this.print(key))).join(', ')
  }
}

type WindowExpression = Extract<Expression, { readonly kind: 'place' | 'rank' | 'before' | 'over' }>
type DialectExpression = Exclude<
  Expression,
  | WindowExpression
  | { readonly kind: 'literal' | 'column' | 'orElse' | 'case' | 'max' | 'min' | 'count' | OperatorKind }
>
type OperatorKind = 'compare' | 'arithmetic' | 'and' | 'or' | 'not' | 'isNull' | 'notNull' | 'in'

/** Kinds that print as an operator between or beside their parts. */
const operators: ReadonlySet<Expression['kind']> = new Set<OperatorKind>([
  'compare',
  'arithmetic',
  'and',
  'or',
  'not',
  'isNull',
  'notNull',
  'in',
])

/** @throws RangeError where it is no whole number of 1 or more */
function checkedCount(count: number): number {
  if (!Number.isSafeInteger(count) || count < 1) throw new RangeError(`${count} is no whole number of 1 or more`)
  return count
}

const indent = (lines: string) => `  ${lines.replaceAll('\n', '\n  ')}`
