#!/bin/sh
# Sends files to a fresh Orthanc and gets its studies back. To be run in a network namespace of its own: Orthanc listens on
# every interface that it finds.
#
#     orthanc.sh FOLDER STUDY_UID...
#
# Sends every FOLDER/*/*.dcm twice. What Orthanc has then comes into FOLDER/back, its log into FOLDER/orthanc.log.
set -eu
folder=$1
shift
ip link set lo up
mkdir "$folder/back"
cat > "$folder/orthanc.json" <<SETTINGS
{"StorageDirectory": "$folder/db", "IndexDirectory": "$folder/db", "DicomAet": "ORTHANC", "DicomPort": 4242,
 "HttpServerEnabled": false, "Plugins": [], "DicomAlwaysAllowGet": true, "DicomCheckCalledAet": false}
SETTINGS
"${HILUM_ORTHANC:-Orthanc}" "$folder/orthanc.json" > "$folder/orthanc.log" 2>&1 &
orthanc=$!
trap 'kill $orthanc; wait $orthanc || true' EXIT
tries=0
until echoscu -q -aec ORTHANC 127.0.0.1 4242 2>/dev/null; do
    tries=$((tries + 1))
    if [ $tries -gt 1000 ]; then exit 1; fi
    kill -0 $orthanc
done
storescu -ta 60 -td 60 -R -aec ORTHANC 127.0.0.1 4242 "$folder"/*/*.dcm
storescu -ta 60 -td 60 -R -aec ORTHANC 127.0.0.1 4242 "$folder"/*/*.dcm
for study; do
    getscu -ta 60 -td 60 -S -aec ORTHANC -od "$folder/back" -k QueryRetrieveLevel=STUDY -k "StudyInstanceUID=$study" 127.0.0.1 4242
done
