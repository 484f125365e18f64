import { expect, test } from "vitest";
import { parseSettings, watchLink } from "./settings.ts";

const settings = {
  edge: "http://127.0.0.1:8787",
  project: "demo",
  project_key: "pk_0123456789abcdefghijAB",
  player: "http://127.0.0.1:8082",
  viewer_token: "a+b/c=",
};

test("settings are all there or nothing", () => {
  expect(parseSettings({ ...settings, more: 1 })).toEqual(settings);
  expect(parseSettings({ ...settings, edge: undefined })).toBeNull();
  expect(parseSettings(null)).toBeNull();
  expect(parseSettings("<!doctype html>")).toBeNull();
});

test("the link keeps the token in the fragment, and whole", () => {
  const link = "http://127.0.0.1:8082/#/sessions/demo/00ff?token=a%2Bb%2Fc%3D";
  expect(watchLink(settings, "00ff")).toBe(link);
  expect(watchLink({ ...settings, player: "http://127.0.0.1:8082/" }, "00ff")).toBe(link);
});
