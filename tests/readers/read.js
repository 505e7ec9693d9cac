// Reads a .pkpass with pass-js and prints what it understood: `node read.js FILE`.
"use strict";
const { readFileSync } = require("node:fs");
const { Template } = require("@walletpass/pass-js");

Template.fromBuffer(readFileSync(process.argv[2])).then((template) => {
  const card = template.createPass();
  card.validate();
  const zones = {};
  for (const zone of ["headerFields", "primaryFields", "secondaryFields", "auxiliaryFields", "backFields"])
    zones[zone] = [...card[zone].entries()].map(([key, field]) => [key, field.value]);
  process.stdout.write(
    JSON.stringify({
      style: template.style,
      serialNumber: card.serialNumber,
      passTypeIdentifier: card.passTypeIdentifier,
      barcodes: card.barcodes,
      images: [...template.images.keys()].sort(),
      zones,
    }),
  );
});
