// Prints a line for every verdict, part and change, in order and each exactly once; what was missed is asked for first.
// Subscriber.exe [--since N [--journal NAME]] [--keys FILE] [VERDICTS REPLAY]; the rules are those of docs/wire.md.

using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Text.RegularExpressions;
using Newtonsoft.Json.Linq;

static class Subscriber
{
    const int SilenceMs = 3000; // the daemon says something every second
    const int AnswerMs = 5000;
    const int Tries = 2;

    static string verdictsAddress = "tcp://127.0.0.1:5590";
    static string replayAddress = "tcp://127.0.0.1:5592";
    static Curve keys; // null without

    static long? next; // null: what comes from now on
    static string journal;
    static string boot;
    static string state;

    static void Main(string[] arguments)
    {
        Read(new Queue<string>(arguments));
        using (var verdicts = new Socket(Socket.Sub, verdictsAddress, SilenceMs, keys))
        {
            verdicts.Subscribe("");
            for (;;)
            {
                var parts = verdicts.Receive();
                if (parts != null) Hear(JObject.Parse(parts[1]));
                else TellSilence();
            }
        }
    }

    static void Read(Queue<string> arguments)
    {
        var addresses = new List<string>();
        while (arguments.Count > 0)
        {
            var argument = arguments.Dequeue();
            if (argument == "--since") next = long.Parse(arguments.Dequeue());
            else if (argument == "--journal") journal = arguments.Dequeue();
            else if (argument == "--keys") keys = new Curve(arguments.Dequeue());
            else addresses.Add(argument);
        }
        if (addresses.Count > 0) verdictsAddress = addresses[0];
        if (addresses.Count > 1) replayAddress = addresses[1];
    }

    // Numbers

    /// <summary>One message of the verdicts' socket: everything that must be told before it, and it.</summary>
    static void Hear(JObject message)
    {
        if ((int)message["wire"] != 1)
            throw new InvalidDataException($"wire version {message["wire"]}, not 1; update the older one");
        var heartbeat = (string)message["kind"] == "heartbeat";
        var sequence = (long)message["sequence"];
        var newest = heartbeat ? sequence : sequence - 1; // the number before this message
        NoticeChanges(message, newest);
        next = next ?? newest + 1;
        if (next <= newest) Repair(newest);
        if (heartbeat) TellState((string)message["state"]);
        else if (sequence == next) TellNumbered(message); // a lower number was told already
    }

    static void NoticeChanges(JObject message, long newest)
    {
        var otherBoot = (string)message["boot"] != boot;
        if (otherBoot && boot != null) Console.WriteLine($"restart {message["boot"]}");
        var otherJournal = journal != null && journal != (string)message["journal"];
        if (otherJournal || (otherBoot && newest + 1 < next))
        {
            Console.WriteLine($"journal-replaced {message["journal"]}: numbers begin anew, call an operator");
            next = 1;
        }
        boot = (string)message["boot"];
        journal = (string)message["journal"];
    }

    /// <summary>Tell everything up to `last`: as it was published where it can be had, else as lost.</summary>
    static void Repair(long last)
    {
        Console.WriteLine($"missing {next} {last}: asking for them");
        while (next <= last)
        {
            string problem;
            var verdicts = Ask(next.Value, last, out problem);
            foreach (var verdict in verdicts)
            {
                TellLostUpTo((long)verdict["sequence"], "no longer in the journal");
                TellNumbered(verdict);
            }
            if (verdicts.Count == 0) TellLostUpTo(last + 1, problem);
        }
    }

    // Replay

    /// <summary>One answer: the beginning of the range; empty, with the problem, where none is to be had.</summary>
    static List<JObject> Ask(long first, long last, out string problem)
    {
        var request = new JObject { ["request"] = "replay", ["first"] = first, ["last"] = last };
        for (var tries = 0; tries < Tries; tries++)
        {
            // What is left of an answer given up goes with its socket.
            using (var socket = new Socket(Socket.Dealer, replayAddress, AnswerMs, keys))
            {
                socket.Send(request.ToString());
                var verdicts = ReadAnswer(socket, out problem);
                if (verdicts != null) return verdicts;
            }
        }
        problem = $"no answer from {replayAddress}";
        return new List<JObject>();
    }

    /// <summary>The verdicts of one answer; null where it is not whole.</summary>
    static List<JObject> ReadAnswer(Socket socket, out string problem)
    {
        var verdicts = new List<JObject>();
        for (var parts = socket.Receive(); parts != null; parts = socket.Receive())
        {
            var message = JObject.Parse(parts[1]);
            if (parts[0] == "verdict")
            {
                verdicts.Add(message);
                continue;
            }
            problem = "no longer in the journal";
            if (parts[0] == "replay_error") problem = (string)message["error"];
            else if ((string)message["journal"] != journal) problem = "the journal was replaced";
            else return (int)message["sent"] == verdicts.Count ? verdicts : null;
            return new List<JObject>();
        }
        problem = null;
        return null;
    }

    // What is told: here an action of yours belongs

    static void TellNumbered(JObject message)
    {
        var sequence = (long)message["sequence"];
        next = sequence + 1;
        if ((string)message["kind"] == "change")
            Console.WriteLine($"{sequence} change {message["surface"]} {message["action"]} {message["bundle"]}");
        else if ((string)message["kind"] == "part")
            Console.WriteLine($"{sequence} part {message["part"]} {message["outcome"]}");
        else
            Console.WriteLine($"{sequence} verdict {message["camera"]} {message["outcome"]} {ReasonOrScore(message)}");
    }

    static string ReasonOrScore(JObject verdict)
    {
        return (string)verdict["reason"] ?? ((double)verdict["score"]).ToString("G4", CultureInfo.InvariantCulture);
    }

    static void TellLostUpTo(long sequence, string problem)
    {
        if (next < sequence) Console.WriteLine($"lost {next} {sequence - 1}: {problem}; take these parts for bad");
        next = sequence;
    }

    static void TellState(string newState)
    {
        if (newState != state) Console.WriteLine($"state {newState}");
        state = newState;
    }

    static void TellSilence()
    {
        if (state != "silent") Console.WriteLine($"silence {SilenceMs / 1000} s: take every part for bad");
        state = "silent";
    }
}

/// <summary>The file that `inspectd keys client` makes.</summary>
sealed class Curve
{
    public readonly string PublicKey, SecretKey, ServerKey;

    public Curve(string file)
    {
        var text = File.ReadAllText(file);
        PublicKey = Field(text, "public-key");
        SecretKey = Field(text, "secret-key");
        ServerKey = Field(text, "server-key");
    }

    static string Field(string text, string name)
    {
        var found = Regex.Match(text, $"^\\s*{name}\\s*=\\s*\"(.{{40}})\"", RegexOptions.Multiline);
        if (!found.Success) throw new InvalidDataException($"the file of keys has no {name}");
        return found.Groups[1].Value;
    }
}
