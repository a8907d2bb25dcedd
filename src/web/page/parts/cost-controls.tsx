import type { CostUnit } from "../rows.ts";

const UNITS = [
  { inDollars: false, label: "GPU hours" },
  { inDollars: true, label: "Cost ($)" },
] as const;

/** GPU hours or US$, and the price of an hour. */
export function CostControls({ unit, onUnit }: { unit: CostUnit; onUnit: (unit: CostUnit) => void }) {
  return (
    <div class="controls">
      <fieldset class="switch">
        <legend class="hidden">Show 1,000 requests as</legend>
        {UNITS.map(({ inDollars, label }) => (
          <label key={label}>
            <input
              type="radio"
              name="unit"
              checked={unit.inDollars === inDollars}
              onChange={() => onUnit({ ...unit, inDollars })}
            />
            <span>{label}</span>
          </label>
        ))}
      </fieldset>
      {unit.inDollars && (
        <label class="price">
          $ per GPU-hour
          <input
            type="number"
            min="0"
            step="0.1"
            inputMode="decimal"
            value={unit.perHour}
            onInput={(event) => {
              const perHour = event.currentTarget.valueAsNumber;
              if (perHour >= 0) onUnit({ ...unit, perHour });
            }}
          />
        </label>
      )}
    </div>
  );
}
