import { parser } from '@prometheus-io/lezer-promql';
import { parse } from 'yaml';

export interface AlertRule {
  alert: string;
  expr: string;
  for?: string;
  labels: { severity: string };
  annotations: { summary: string; runbook_url: string };
}

/** Names of metrics in an expression. @throws Error when it is not PromQL */
export function metricsOf(expression: string): string[] {
  const names: string[] = [];
  parser.parse(expression).iterate({
    enter: (node) => {
      const text = expression.slice(node.from, node.to);
      if (node.type.isError) throw new Error(`not PromQL at "${text}": ${expression}`);
      if (node.name === 'VectorSelector') {
        const name = node.node.getChild('Identifier');
        if (!name) throw new Error(`a selector without a name: ${expression}`);
        names.push(expression.slice(name.from, name.to));
      }
    },
  });
  return names;
}

export function rulesOf(yaml: string): AlertRule[] {
  const { groups } = parse(yaml) as { groups: { rules: AlertRule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

export function metricsOfRules(yaml: string): Set<string> {
  return new Set(rulesOf(yaml).flatMap(({ expr }) => metricsOf(expr)));
}

interface Panel {
  type: string;
  title: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: { expr: string }[];
}

export function panelsOf(json: string): Panel[] {
  return (JSON.parse(json) as { panels: Panel[] }).panels;
}

/** Grafana fills in its own variables. */
export function metricsOfDashboard(json: string): Set<string> {
  const expressions = panelsOf(json).flatMap(({ targets = [] }) => targets.map((t) => t.expr));
  return new Set(expressions.flatMap((e) => metricsOf(e.replaceAll('$__rate_interval', '5m'))));
}
