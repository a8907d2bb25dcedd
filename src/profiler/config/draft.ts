import type { z } from "zod";
import type { Path } from "#common/documents";
import { fieldFacts, shapeOf } from "./field.ts";
import type { Normalised } from "./normalise.ts";
import type { SettingName, SettingValue } from "./settings.ts";

interface Given {
  value: unknown;
  where: string;
}

/** The settings that an input gives, each with the place that gives it. Values were checked by the schemas of their settings. */
export class Draft {
  readonly warnings: string[] = [];
  private readonly given = new Map<SettingName, Given>();
  private readonly nulls = new Map<SettingName, string>();

  get<Name extends SettingName>(name: Name): SettingValue<Name> | undefined {
    return this.given.get(name)?.value as SettingValue<Name> | undefined;
  }

  has(name: SettingName): boolean {
    return this.given.has(name);
  }

  /** Where it was given; where it is missing, undefined. */
  where(name: SettingName): string | undefined {
    return this.given.get(name)?.where ?? this.nulls.get(name);
  }

  /** True where it is null rather than absent. */
  isNull(name: SettingName): boolean {
    return this.nulls.has(name);
  }

  /** Overrules what was there. */
  set(name: SettingName, value: unknown, where: string): void {
    this.nulls.delete(name);
    if (value === null) {
      this.given.delete(name);
      this.nulls.set(name, where);
    } else this.given.set(name, { value, where });
  }

  drop(name: SettingName): void {
    this.given.delete(name);
    this.nulls.delete(name);
  }

  /** Takes all settings of a checked document. Of several keys for one setting the first in the schema's order counts. */
  take(document: Normalised, schema: z.ZodType): void {
    this.takeBelow(document.value, [], schema, document);
  }

  private takeBelow(value: Record<string, unknown>, path: Path, schema: z.ZodType, document: Normalised): void {
    for (const [key, child] of Object.entries(shapeOf(schema) ?? {})) {
      const found = value[key];
      if (found === undefined) continue;
      const at = [...path, key];
      const name = fieldFacts.get(child)?.setting;
      if (name === undefined) {
        if (shapeOf(child) && found !== null) this.takeBelow(found as Record<string, unknown>, at, child, document);
        continue;
      }
      const before = this.given.get(name);
      if (before === undefined) this.set(name, found, document.locate(at));
      else if (JSON.stringify(before.value) !== JSON.stringify(found)) {
        this.warnings.push(
          `${document.locate(at)}: ${shown(found)} is ignored, ${before.where} says ${shown(before.value)}`,
        );
      }
    }
  }
}

function shown(value: unknown): string {
  return typeof value === "string" ? `"${value}"` : JSON.stringify(value);
}
