# A program that learns: small_program.sh rate seed fold epochs, or "test" for epochs.
epoch=0 loss=$((100000 + 1000 * $2 + 1000 * $3))
[ -z "$TUNE_JOBS_RESTORE" ] || . "$TUNE_JOBS_RESTORE"
if [ "$4" = test ]; then
    echo "{\"test_loss\": $loss}"
    exit
fi
while [ $epoch -lt "$4" ]; do
    epoch=$((epoch + 1)) loss=$((loss * (10 - $1) / 10))
    echo "epoch=$epoch loss=$loss" > "$TUNE_JOBS_CHECKPOINTS/$epoch"
    echo "{\"val_loss\": $loss, \"checkpoint\": \"$epoch\"}"
done
