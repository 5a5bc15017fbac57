// A small bar chart as plain SVG: a value a step, gaps are gaps. For a quick look; the numbers are in the label.

const [WIDTH, HEIGHT, GAP] = [300, 72, 2];

export function Bars({
  label,
  from,
  step,
  many,
  values,
  say,
}: {
  label: string;
  from: number;
  step: number;
  many: number;
  values: ReadonlyMap<number, number>;
  say: (at: number, value: number) => string;
}) {
  const top = Math.max(1, ...values.values());
  const width = WIDTH / many;
  return (
    <svg role="img" aria-label={label} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" className="mt-3 h-18 w-full">
      <line x1="0" x2={WIDTH} y1={HEIGHT - 0.5} y2={HEIGHT - 0.5} stroke="var(--line)" />
      {Array.from({ length: many }, (_, index) => {
        const at = from + index * step;
        const value = values.get(at);
        if (!value) return null;
        const height = Math.max(2, (value / top) * (HEIGHT - 4));
        return (
          <rect key={at} x={index * width} y={HEIGHT - height} width={width - GAP} height={height} rx="1.5" fill="var(--accent)">
            <title>{say(at, value)}</title>
          </rect>
        );
      })}
    </svg>
  );
}
