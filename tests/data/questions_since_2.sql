SELECT relation, weight, row FROM system.dead_letters;
SUBSCRIBE inverses AS OF EPOCH 0;
SUBSCRIBE h AS OF EPOCH 0 WHERE v > 0;
